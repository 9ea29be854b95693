/* How rows of the option table are written, and the parts it is made of. Only options*.c include this.
 *
 * A part is one array; above the rows of a group stands #define GROUP "libvirt" (NULL for [DEFAULT]). After the help come
 * designated initializers: NAMES("old", "group.old"), CHOICES("a", "b"), .flags = OPTION_SECRET. */
#pragma once

#include "config/config.h"

#define STRING(n, v, h, ...) { .group = GROUP, .name = n, .type = OPTION_STRING, .value = v, .help = h, ##__VA_ARGS__ }
#define BOOLEAN(n, v, h, ...) { .group = GROUP, .name = n, .type = OPTION_BOOLEAN, .value = v, .help = h, ##__VA_ARGS__ }
#define LIST(n, v, h, ...) { .group = GROUP, .name = n, .type = OPTION_LIST, .value = v, .help = h, ##__VA_ARGS__ }
#define MULTI(n, v, h, ...) { .group = GROUP, .name = n, .type = OPTION_MULTI_STRING, .value = v, .help = h, ##__VA_ARGS__ }
/* Any number, from @lo to @hi, or @lo and above. Defaults are texts. */
#define INTEGER(n, v, h, ...) { .group = GROUP, .name = n, .type = OPTION_INTEGER, .value = v, .help = h, ##__VA_ARGS__ }
#define FLOAT(n, v, h, ...) { .group = GROUP, .name = n, .type = OPTION_FLOAT, .value = v, .help = h, ##__VA_ARGS__ }
#define RANGE(lo, hi) .min = lo, .max = hi
#define AT_LEAST(lo) .min = lo, .max = INT64_MAX
#define PORT RANGE(0, 65535)

#define NAMES(...) .deprecated = (const char *const[]) { __VA_ARGS__, NULL }
#define CHOICES(...) .choices = (const char *const[]) { __VA_ARGS__, NULL }
#define ACCEPTED .flags = OPTION_ACCEPTED
#define PLANNED .flags = OPTION_PLANNED
#define RELOADABLE .flags = OPTION_RELOADABLE
#define SECRET .flags = OPTION_SECRET

extern const Option options_service[], options_log[], options_rpc[], options_notify[], options_compute[], options_virt[],
        options_console[], options_volume[], options_image[], options_network[], options_database[], options_clients[];
extern const size_t n_options_service, n_options_log, n_options_rpc, n_options_notify, n_options_compute, n_options_virt,
        n_options_console, n_options_volume, n_options_image, n_options_network, n_options_database, n_options_clients;
