/* The parts of a domain's XML, by file. */
#pragma once

#include "virt/libvirt/domain-xml.h"
#include "virt/libvirt/xml-writer.h"

void domain_write_metadata(XmlWriter *w, const DomainRequest *q);               /* <nova:instance> */
int domain_write_devices(XmlWriter *w, const DomainRequest *q, NovaException *e);
int domain_write_interface(XmlWriter *w, const DomainRequest *q, const json_t *vif, NovaException *e);

/* The disk that the guest starts from, or NULL; @ret_order: it must be said which, since it is not the first of its kind. */
const DomainDisk *domain_boot_disk(const DomainRequest *q, bool *ret_order);
