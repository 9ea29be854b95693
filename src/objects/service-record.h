/* A row of services (essex 18.2; Nova's Service object 1.22 where it names the same): plain value, freely copied. */
#pragma once

#include "basic/macros.h"
#include "basic/time-util.h"

typedef struct ServiceRecord {
        int64_t id;                     /* 0 = not stored */
        char *uuid;
        char *host;
        char *binary;                   /* nova-compute */
        char *topic;                    /* compute */
        int64_t report_count;
        bool disabled;
        char *disabled_reason;
        bool forced_down;
        char *availability_zone;        /* of this service; NULL = none */
        int64_t version;                /* Nova's service version */
        usec_t created_at, updated_at, last_seen_up, deleted_at;        /* realtime; 0 = null */
        bool deleted;
} ServiceRecord;

void service_record_done(ServiceRecord *s);
int service_record_copy(const ServiceRecord *s, ServiceRecord *ret);    /* deep; 0 or -ENOMEM */
