/* get_connection of the seed: chooses the back end by connection_type. Every back end that has ever had a name here is
 * answered by that name; what was never one is an unknown type. */
#include "virt/registry.h"

const BackEnd *connection_back_end(const Config *config, NovaException *e) {
        const char *type = config_string(config, "connection_type");
        const BackEnd *b;

        b = back_end_by_type(strempty(type));
        if (!b) {
                (void) exception_setf(e, EXC_NOVA, "Unknown connection type \"%s\"", strempty(type));
                return NULL;
        }
        if (b->kind != BACK_END_MODULE) {
                (void) back_end_not_built(b, e);
                return NULL;
        }

        return b;
}
