/* A row of services as a value: see service-record.h. */
#include "objects/service-record.h"

#include "objects/fields.h"

static const size_t service_record_texts[] = {
        offsetof(ServiceRecord, uuid),
        offsetof(ServiceRecord, host),
        offsetof(ServiceRecord, binary),
        offsetof(ServiceRecord, topic),
        offsetof(ServiceRecord, disabled_reason),
        offsetof(ServiceRecord, availability_zone),
};

static const OwnedFields service_record_fields = {
        .texts = service_record_texts,
        .n_texts = ELEMENTSOF(service_record_texts),
};

void service_record_done(ServiceRecord *s) {
        if (!s)
                return;
        owned_fields_done(&service_record_fields, s);
        *s = (ServiceRecord) {};
}

int service_record_copy(const ServiceRecord *s, ServiceRecord *ret) {
        ServiceRecord copy = *s;
        int r;

        r = owned_fields_copy(&service_record_fields, s, &copy);
        if (r < 0)
                return r;
        *ret = copy;
        return 0;
}
