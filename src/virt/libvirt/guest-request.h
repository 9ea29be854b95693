/* All that the description of one guest is made of, gathered: what the host can do, what image and flavor want, where its files
 * are. Between init and done it holds what the DomainRequest in it points to. */
#pragma once

#include "virt/libvirt/private.h"

typedef struct GuestRequest {
        LibvirtUse *u;
        DomainRequest xml;              /* to be completed with disks, network_info … */
        GuestHost host;
        GuestProperties properties;
        char *directory;
        char *arch;
        json_t *network_info;           /* of the instance's cache, where the caller had none */
        DomainDisk *disks;
        KeptDevices kept;
        uint16_t ports[4];
        size_t n_ports;
        bool keep_ports;                /* a guest has them: done does not give them back */
} GuestRequest;

/* @image_meta: as of spawn, or NULL. Refuses what image and flavor want in vain, before anything is touched. */
int guest_request_init(GuestRequest *g, LibvirtUse *u, const RequestContext *context, const Instance *i, const json_t *image_meta,
                       const json_t *network_info, NovaException *e);
void guest_request_done(GuestRequest *g);
/* The disks of @set, which must outlive it. */
int guest_request_set_disks(GuestRequest *g, const DiskSet *set, NovaException *e);
/* The disks of a domain that is there, by its inactive XML; what else it hands through of the host is kept with them. */
int guest_request_keep_disks(GuestRequest *g, xmlDocPtr doc, NovaException *e);
/* The text for libvirt, with ports for serial consoles taken where they are wanted. */
int guest_request_xml(GuestRequest *g, char **ret, NovaException *e);
/* Defines the domain that is described, and starts it, @paused or not, with a console log and filters of its own. */
int guest_request_start(GuestRequest *g, bool paused, virDomainPtr *ret, NovaException *e);
/* The ports of serial consoles in a domain's XML are free again. */
void guest_ports_give_back(LibvirtDriver *d, xmlDocPtr doc);

/* domain.c: a domain's own life. The functions take it as it is found: what is already so is fine. */

/* Whether the domain of this uuid is the instance: it has its name, or Nova's metadata. NovaException that says whose it is not. */
int guest_check_ours(LibvirtUse *u, virDomainPtr domain, const Instance *i, NovaException *e);
/* Begins the use for @method of ComputeDriver with the instance's domain, which is there and ours. */
int guest_use(LibvirtUse *u, ComputeDriver *driver, const char *method, const Instance *i, virDomainPtr *ret, NovaException *e);
/* 1 = it is off, 0 = not by @deadline. */
int guest_wait_off(LibvirtUse *u, virDomainPtr domain, const Instance *i, usec_t deadline, NovaException *e);
/* Pulls the plug, and waits until it is off. */
int guest_stop(LibvirtUse *u, virDomainPtr domain, const Instance *i, NovaException *e);
/* Forgets a domain that is off, with what libvirt keeps of it (saved memory, NVRAM unless @keep_nvram). */
int guest_undefine(LibvirtUse *u, virDomainPtr domain, const Instance *i, bool keep_nvram, NovaException *e);
/* Defines @xml and starts it, @paused or not. On failure the domain is as before the call: not defined, if it was not. */
int guest_define_and_start(LibvirtUse *u, const char *xml, const Instance *i, bool paused, virDomainPtr *ret, NovaException *e);

/* console.log of the directory, empty, and what was turned over of it gone: it is ours to read, whoever writes it. */
int guest_console_log_make(const char *directory, NovaException *e);

/* nwfilter.c: the filters of the VIFs that want one are there afterwards, with their addresses; and are not. */
int guest_filters_define(LibvirtUse *u, const Instance *i, const json_t *network_info, NovaException *e);
int guest_filters_undefine(LibvirtUse *u, const Instance *i, NovaException *e);
