/* create: from options to the properties of CreateInstance. */
#include <errno.h>

#include "novactl/act.h"
#include "novactl/verbs.h"

static bool size_option(Ctl *c, sd_bus_message *m, OptionId id, const char *name, const char *key, uint64_t unit) {
        const char *value = ctl_value(c, id);
        _cleanup_free_ char *shown = value ? text_shown(value) : NULL;
        uint64_t n = 0;

        if (!value)
                return true;
        if (text_parse_size(value, unit, &n) < 0) {
                ctl_error("--%s=%s: it is a number with K, M, G or T, or of %s without", name, shown, unit == (uint64_t) 1 << 20 ? "MiB" : "GiB");
                return false;
        }
        client_append(m, "{sv}", key, "t", n);
        return true;
}

static bool sizes(Ctl *c, sd_bus_message *m) {
        const uint64_t mib = (uint64_t) 1 << 20, gib = (uint64_t) 1 << 30;
        const char *vcpus = ctl_value(c, OPTION_VCPUS);
        uint64_t n = 0;

        if (vcpus) {
                _cleanup_free_ char *shown = text_shown(vcpus);

                if (text_parse_number(vcpus, UINT32_MAX, &n) < 0 || n == 0) {
                        ctl_error("--vcpus=%s: it is a number of processors", shown);
                        return false;
                }
                client_append(m, "{sv}", "vcpus", "u", (uint32_t) n);
        }
        return size_option(c, m, OPTION_MEMORY, "memory", "memory_mib", mib) && size_option(c, m, OPTION_DISK, "disk", "disk_gib", gib) &&
               size_option(c, m, OPTION_EPHEMERAL, "ephemeral", "ephemeral_gib", gib) && size_option(c, m, OPTION_SWAP, "swap", "swap_mib", mib);
}

/* A property that is a container: opened up to where its elements go, closed from there. */
static void container_open(sd_bus_message *m, const char *key, const char *type) {
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', type);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', type + 1);
        must(r < 0 ? NULL : m);
}

static void container_close(sd_bus_message *m) {
        int r = 0;

        for (int i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        must(r < 0 ? NULL : m);
}

static void texts_property(sd_bus_message *m, const char *key, char **texts, size_t n) {
        container_open(m, key, "as");
        for (size_t i = 0; i < n; i++)
                client_append(m, "s", texts[i]);
        container_close(m);
}

/* NETWORK[,ip=ADDRESS], as two lists of the same length. */
static bool networks(Ctl *c, sd_bus_message *m) {
        const OptionValues *v = c->options + OPTION_NETWORK;
        _cleanup_free_ char **names = must(calloc(v->n + 1, sizeof *names)), **addresses = must(calloc(v->n + 1, sizeof *addresses));
        bool any = false, good = true;

        for (size_t i = 0; i < v->n; i++) {
                const char *comma = strchr(v->values[i], ','), *ip = comma ? startswith(comma, ",ip=") : NULL;
                _cleanup_free_ char *shown = text_shown(v->values[i]);

                names[i] = must(strndup(v->values[i], strcspn(v->values[i], ",")));
                addresses[i] = must(strdup(strempty(ip)));
                any = any || ip;
                if (good && (isempty(names[i]) || (comma && isempty(ip)) || !utf8_is_valid(v->values[i]))) {
                        ctl_error("--network=%s: it is NETWORK or NETWORK,ip=ADDRESS", shown);
                        good = false;
                }
        }
        if (good && v->n > 0)
                texts_property(m, "networks", names, v->n);
        if (good && any)
                texts_property(m, "fixed_ips", addresses, v->n);
        for (size_t i = 0; i < v->n; i++) {
                free(names[i]);
                free(addresses[i]);
        }
        return good;
}

static bool metadata(Ctl *c, sd_bus_message *m) {
        const OptionValues *v = c->options + OPTION_METADATA;

        if (v->n == 0)
                return true;
        container_open(m, "metadata", "a{ss}");
        for (size_t i = 0; i < v->n; i++) {
                size_t length = strcspn(v->values[i], "=");
                _cleanup_free_ char *key = must(strndup(v->values[i], length)), *shown = text_shown(v->values[i]);

                if (length == 0 || !v->values[i][length] || !utf8_is_valid(v->values[i])) {
                        ctl_error("--metadata=%s: it is KEY=VALUE", shown);
                        return false;
                }
                client_append(m, "{ss}", key, v->values[i] + length + 1);
        }
        container_close(m);
        return true;
}

static ExitStatus files(Ctl *c, sd_bus_message *m) {
        const char *key = ctl_value(c, OPTION_PUBLIC_KEY);
        _cleanup_free_ char *line = NULL;
        ExitStatus status = option_user_data(c, m);
        size_t size = 0;

        if (status != EXIT_DONE)
                return status;
        if (key) {
                status = read_input(key, "--public-key", &line, &size);
                if (status != EXIT_DONE)
                        return status;
                while (size > 0 && strchr("\r\n ", line[size - 1]))
                        line[--size] = '\0';
                if (size == 0 || strlen(line) != size || !utf8_is_valid(line)) {
                        _cleanup_free_ char *shown = text_shown(key);

                        ctl_error("--public-key=%s: %s", shown, size == 0 ? "is empty" : "is no public key");
                        return EXIT_FAILED;
                }
                client_append(m, "{sv}", "public_key", "s", line);
        }
        return EXIT_DONE;
}

static ExitStatus properties(Ctl *c, sd_bus_message *m, const char *name) {
        static const struct {
                OptionId id;
                const char *option, *key;
        } texts[] = {
                { OPTION_IMAGE, "--image", "image" },     { OPTION_FLAVOR, "--flavor", "flavor" },    { OPTION_UUID, "--uuid", "uuid" },
                { OPTION_KEY_NAME, "--key-name", "key_name" }, { OPTION_ZONE, "--zone", "availability_zone" },
                { OPTION_PROJECT, "--project", "project" }, { OPTION_USER, "--user", "user" },
        };
        ExitStatus status = EXIT_DONE;

        if (!utf8_is_valid(name)) {
                ctl_error("create: the name is no UTF-8 text");
                return EXIT_USAGE;
        }
        options_open(m);
        client_append(m, "{sv}", "name", "s", name);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (!option_text(c, m, texts[i].id, texts[i].option, texts[i].key))
                        return EXIT_USAGE;
        if (!sizes(c, m) || !networks(c, m) || !metadata(c, m))
                return EXIT_USAGE;
        if (ctl_has(c, OPTION_CONFIG_DRIVE))
                client_append(m, "{sv}", "config_drive", "b", 1);
        if (!option_password(c, m, &status))
                return status;
        status = files(c, m);
        if (status == EXIT_DONE)
                options_close(m);
        return status;
}

ExitStatus verb_create(Ctl *c, const Verb *verb, char **arguments) {
        _cleanup_(waiter_freep) Waiter *w = NULL;
        _cleanup_free_ char *shown = text_shown(*arguments), *what = text_format("creating '%s'", shown);
        const char *instance = NULL, *job = NULL;
        sd_bus_message *m, *reply = NULL;
        ExitStatus status;
        char uuid[37] = "";

        if (!ctl_has(c, OPTION_IMAGE)) {
                ctl_error("create needs --image=IMAGE; 'novactl images' lists those of this host");
                return EXIT_USAGE;
        }
        if (!ctl_has(c, OPTION_FLAVOR) && !(ctl_has(c, OPTION_VCPUS) && ctl_has(c, OPTION_MEMORY) && ctl_has(c, OPTION_DISK))) {
                ctl_error("create needs --flavor=FLAVOR, or --vcpus=, --memory= and --disk=; 'novactl flavors' lists flavors");
                return EXIT_USAGE;
        }
        w = waiter_new(c);
        if (!w)
                return EXIT_UNREACHABLE;
        m = client_message(c, BUS_PATH, INTERFACE_MANAGER, "CreateInstance");
        status = properties(c, m, *arguments);
        if (status != EXIT_DONE) {
                sd_bus_message_unref(m);
                return status;
        }
        status = client_call(c, m, CALL_INTERACTIVE, what, shown, &reply);
        if (status != EXIT_DONE)
                return status;
        if (sd_bus_message_read(reply, "oo", &instance, &job) < 0) {
                ctl_error("%s: the answer cannot be read", what);
                status = EXIT_FAILED;
        } else {
                (void) client_path_uuid(instance, uuid);
                waiter_add(w, job, verb->name, "creating", *arguments, uuid);
        }
        sd_bus_message_unref(reply);
        if (status == EXIT_DONE)
                status = wait_as_asked(c, w);
        if (c->out.json == JSON_OFF && status == EXIT_DONE && !ctl_has(c, OPTION_QUIET) && !ctl_has(c, OPTION_NO_BLOCK))
                fprintf(c->out.file, "Instance '%s' runs: %s\n", shown, uuid);
        return status;
}
