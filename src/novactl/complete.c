/* complete: words for the completions of the shells, one a line, from the bus. Says nothing where there is nothing to say: a daemon
 * that is not there, a name that would need quotes. */
#include <inttypes.h>

#include "novactl/client.h"
#include "novactl/props.h"
#include "novactl/verbs.h"

/* Characters that a shell takes as they are. */
static bool is_plain(const char *s) {
        return !isempty(s) && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@%/:")] == '\0' && *s != '-';
}

/* Whether the states of @instance allow the verb; a verb that is no method of instances always. */
static bool is_allowed(const json_t *instance, const Verb *verb) {
        const json_t *verbs_now = json_object_get(instance, "Verbs"), *one;
        size_t i;

        if (!verb || !verb->method || !json_is_array(verbs_now))
                return true;
        json_array_foreach(verbs_now, i, one)
                if (streq(strempty(json_string_value(one)), verb->method))
                        return true;
        return false;
}

/* The uuid always; the name where only one has it. */
static void complete_instances(const Output *o, const json_t *objects, const Verb *verb) {
        json_auto_t *times = must(json_object());
        const char *path, *name;
        json_t *interfaces;

        json_object_foreach((json_t *) objects, path, interfaces) {
                name = prop_text(json_object_get(interfaces, INTERFACE_INSTANCE), "DisplayName");
                must(json_object_set_new(times, name, json_integer(prop_number(times, name) + 1)) == 0 ? times : NULL);
        }
        json_object_foreach((json_t *) objects, path, interfaces) {
                const json_t *instance = json_object_get(interfaces, INTERFACE_INSTANCE);

                if (!instance || !is_allowed(instance, verb))
                        continue;
                name = prop_text(instance, "DisplayName");
                if (is_plain(name) && prop_number(times, name) == 1)
                        fprintf(o->file, "%s\n", name);
                fprintf(o->file, "%s\n", prop_text(instance, "Uuid"));
        }
}

static void complete_jobs(const Output *o, const json_t *objects) {
        json_t *interfaces;
        const char *path;

        json_object_foreach((json_t *) objects, path, interfaces) {
                const json_t *job = json_object_get(interfaces, INTERFACE_JOB);

                if (job)
                        fprintf(o->file, "%" PRId64 "\n", prop_number(job, "Id"));
        }
}

ExitStatus verb_complete(Ctl *c, const Verb *verb _unused_, char **arguments) {
        static const struct {
                const char *word, *property;
        } lists[] = { { "images", "Images" }, { "flavors", "Flavors" }, { "networks", "Networks" } };
        const CallFlags flags = CALL_SILENT | CALL_NO_START | CALL_BRIEF;
        json_auto_t *found = NULL;
        const json_t *row;
        ExitStatus status;
        size_t i, k;

        if (streq(*arguments, "instances") || streq(*arguments, "jobs")) {
                status = client_objects(c, flags, &found);
                if (status == EXIT_DONE && streq(*arguments, "jobs"))
                        complete_jobs(&c->out, found);
                else if (status == EXIT_DONE)
                        complete_instances(&c->out, found, arguments[1] ? verb_find(arguments[1]) : NULL);
                return status;
        }
        for (k = 0; k < ELEMENTSOF(lists); k++)
                if (streq(*arguments, lists[k].word)) {
                        status = client_properties(c, BUS_PATH, INTERFACE_MANAGER, flags, &found);
                        if (status != EXIT_DONE)
                                return status;
                        json_array_foreach(json_object_get(found, lists[k].property), i, row)
                                if (is_plain(strempty(json_string_value(json_array_get(row, 0)))))
                                        fprintf(c->out.file, "%s\n", json_string_value(json_array_get(row, 0)));
                        return EXIT_DONE;
                }
        return EXIT_USAGE;
}
