/* console: what an instance writes on its serial line, as it comes. */
#include "novactl/client.h"
#include "novactl/console-filter.h"
#include "novactl/loop.h"
#include "novactl/verbs.h"

typedef struct Console {
        Ctl *ctl;
        Loop loop;
        const char *path, *name;        /* the name as it may be shown */
        uint64_t id;
        ConsoleFilter filter;
        bool raw;
        bool gone, lost;                /* the instance; the daemon */
} Console;

static void write_out(Console *k, const char *data, size_t size) {
        FILE *out = k->ctl->out.file;

        if (k->raw)
                (void) fwrite(data, 1, size, out);
        else
                console_filter(&k->filter, data, size, out);
}

/* Output may come before the answer that tells which number is ours; it is sent to nobody but us, so all of the path is ours. */
static int console_on_output(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Console *k = userdata;
        const void *bytes = NULL;
        size_t size = 0;
        uint64_t id;

        if (!streq(strempty(sd_bus_message_get_path(m)), k->path) || sd_bus_message_read(m, "t", &id) < 0 ||
            sd_bus_message_read_array(m, 'y', &bytes, &size) < 0)
                return 0;
        write_out(k, bytes, size);
        loop_flush(&k->loop);
        return 0;
}

static int console_on_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Console *k = userdata;
        const char *path;

        if (sd_bus_message_read(m, "o", &path) >= 0 && streq(path, k->path))
                k->gone = true;
        return 0;
}

static int console_on_owner(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        Console *k = userdata;

        k->lost = true;
        return 0;
}

/* Without a number all that is kept: who only follows would get nothing of it otherwise. */
static void lines_option(Ctl *c, sd_bus_message *m, uint64_t lines, bool following) {
        must(sd_bus_message_open_container(m, 'a', "{sv}") < 0 ? NULL : m);
        if (ctl_has(c, OPTION_LINES) || following)
                client_append(m, "{sv}", "lines", "u", ctl_has(c, OPTION_LINES) ? (uint32_t) lines : UINT32_MAX);
        must(sd_bus_message_close_container(m) < 0 ? NULL : m);
}

/* What is there now. */
static ExitStatus console_once(Console *k, uint64_t lines, const char *what) {
        sd_bus_message *m = client_message(k->ctl, k->path, INTERFACE_INSTANCE, "GetConsoleOutput"), *reply = NULL;
        const void *bytes = NULL;
        ExitStatus status;
        size_t size = 0;

        lines_option(k->ctl, m, lines, false);
        status = client_call(k->ctl, m, CALL_INTERACTIVE | CALL_NO_START, what, k->name, &reply);
        if (status != EXIT_DONE)
                return status;
        if (k->ctl->out.json == JSON_OFF)
                output_open_pager(&k->ctl->out);
        if (sd_bus_message_read_array(reply, 'y', &bytes, &size) < 0)
                status = EXIT_FAILED;
        else if (k->ctl->out.json != JSON_OFF) {
                json_auto_t *answer = NULL, *text = NULL;

                (void) sd_bus_message_rewind(reply, true);
                text = client_value(reply);
                answer = must(json_pack("{sO}", "output", text ? text : json_null()));
                output_json(&k->ctl->out, answer);
        } else {
                write_out(k, bytes, size);
                console_filter_end(&k->filter, k->ctl->out.file);
                if (!k->raw && size > 0 && ((const char *) bytes)[size - 1] != '\n')
                        (void) fputc('\n', k->ctl->out.file);           /* the prompt of the shell comes next */
        }
        sd_bus_message_unref(reply);
        return status;
}

static int console_listen(Console *k) {
        sd_bus *bus = k->ctl->bus;
        int r;

        r = sd_bus_match_signal(bus, NULL, BUS_NAME, k->path, INTERFACE_INSTANCE, "ConsoleOutput", console_on_output, k);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, BUS_NAME, BUS_PATH, INTERFACE_OBJECTS, "InterfacesRemoved", console_on_removed, k);
        if (r >= 0)
                r = loop_watch_daemon(k->ctl, NULL, console_on_owner, k);
        return r;
}

static bool console_is_over(const void *userdata) {
        const Console *k = userdata;

        return k->gone || k->lost;
}

static ExitStatus console_follow(Console *k, uint64_t lines, const char *what) {
        sd_bus_message *m, *reply = NULL;
        ExitStatus status;
        int r;

        r = console_listen(k);
        if (r < 0) {
                ctl_error("cannot listen to the bus: %s", strerror(-r));
                return EXIT_UNREACHABLE;
        }
        m = client_message(k->ctl, k->path, INTERFACE_INSTANCE, "FollowConsole");
        lines_option(k->ctl, m, lines, true);
        status = client_call(k->ctl, m, CALL_INTERACTIVE | CALL_NO_START, what, k->name, &reply);
        if (status != EXIT_DONE)
                return status;
        (void) sd_bus_message_read(reply, "t", &k->id);
        sd_bus_message_unref(reply);

        r = loop_open(&k->loop, k->ctl);
        if (r >= 0)
                r = loop_run(&k->loop, console_is_over, k);
        loop_done(&k->loop);
        console_filter_end(&k->filter, k->ctl->out.file);
        (void) fflush(k->ctl->out.file);
        if (r < 0 || k->lost) {
                ctl_error("%s: %s", what, r < 0 ? "the connection to the bus was lost" : "nova-compute has left the bus");
                return EXIT_UNREACHABLE;
        }
        if (k->gone) {
                ctl_error("%s: the instance is gone", what);
                return EXIT_DONE;
        }
        m = client_message(k->ctl, k->path, INTERFACE_INSTANCE, "UnfollowConsole");
        client_append(m, "t", k->id);
        (void) client_call(k->ctl, m, CALL_SILENT | CALL_NO_START | CALL_BRIEF, what, NULL, NULL);
        return EXIT_DONE;
}

ExitStatus verb_console(Ctl *c, const Verb *verb _unused_, char **arguments) {
        _cleanup_free_ char *path = NULL, *shown = text_shown(*arguments), *what = text_format("console of '%s'", shown);
        const char *given = ctl_value(c, OPTION_LINES);
        ExitStatus status;
        uint64_t lines = 0;
        Console k;

        if (given && text_parse_number(given, UINT32_MAX, &lines) < 0) {
                _cleanup_free_ char *wrong = text_shown(given);

                ctl_error("--lines=%s: it is a number of lines", wrong);
                return EXIT_USAGE;
        }
        if (c->out.json != JSON_OFF && !ctl_has(c, OPTION_NO_FOLLOW)) {
                ctl_error("console: JSON is for --no-follow; what is followed has no end");
                return EXIT_USAGE;
        }
        status = client_find(c, *arguments, CALL_NO_START, &path);
        if (status != EXIT_DONE)
                return status;
        k = (Console) {
                .ctl = c,
                .path = path,
                .name = shown,
                .raw = !c->out.terminal || ctl_has(c, OPTION_RAW),      /* what is no terminal gets the bytes */
                .filter = { .colours = c->out.colours },
        };
        return ctl_has(c, OPTION_NO_FOLLOW) ? console_once(&k, lines, what) : console_follow(&k, lines, what);
}
