/* The one table of options: the parts by theme, seen as one list. */
#include "config/options.h"

typedef struct Part {
        const Option *options;
        const size_t *n;
} Part;

static const Part parts[] = {
        { options_service, &n_options_service },
        { options_log, &n_options_log },
        { options_rpc, &n_options_rpc },
        { options_notify, &n_options_notify },
        { options_database, &n_options_database },
        { options_compute, &n_options_compute },
        { options_virt, &n_options_virt },
        { options_console, &n_options_console },
        { options_volume, &n_options_volume },
        { options_image, &n_options_image },
        { options_network, &n_options_network },
        { options_clients, &n_options_clients },
};

const Option *option_table_at(size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                if (n < *parts[i].n)
                        return parts[i].options + n;
                n -= *parts[i].n;
        }

        return NULL;
}

const char *option_type_to_string(OptionType t) {
        static const char *const names[] = {
                [OPTION_STRING] = "string",   [OPTION_INTEGER] = "integer", [OPTION_FLOAT] = "float",
                [OPTION_BOOLEAN] = "boolean", [OPTION_LIST] = "list",       [OPTION_MULTI_STRING] = "multi-valued string",
        };

        return (size_t) t < ELEMENTSOF(names) ? names[t] : NULL;
}
