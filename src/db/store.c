/* What the results of any store own: see store.h. */
#include "db/store.h"

void service_record_list_done(ServiceRecordList *l) {
        if (!l)
                return;
        for (size_t i = 0; i < l->n; i++)
                service_record_done(&l->items[i]);
        free(l->items);
        *l = (ServiceRecordList) {};
}

void compute_node_list_done(ComputeNodeList *l) {
        if (!l)
                return;
        for (size_t i = 0; i < l->n; i++)
                compute_node_done(&l->items[i]);
        free(l->items);
        *l = (ComputeNodeList) {};
}
