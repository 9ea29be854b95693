/* A network interface of an instance with the addresses leased to it: a row of virtual_interfaces and its fixed_ips (essex
 * 18.2; Nova's VirtualInterface 1.3). Plain value, freely copied. */
#pragma once

#include "basic/macros.h"
#include "basic/time-util.h"

typedef struct VirtualInterface {
        int64_t id;                     /* 0 = not stored */
        char *uuid;                     /* what Nova calls the port's id */
        char *mac;                      /* "fa:16:3e:…"; Nova's column `address` */
        char *instance_uuid;
        char *network_id;
        char *tag;                      /* NULL = none */
        char *hostname;                 /* the instance's, for DHCP; NULL = none */
        bool preserve;                  /* a port that its user declared: released, not deleted, with the instance */
        char **addresses;               /* NULL-terminated texts, in the order leased; NULL = none */
        usec_t created_at;
} VirtualInterface;

void virtual_interface_done(VirtualInterface *v);
/* Appends a copy of @address. 0 or -ENOMEM. */
int virtual_interface_add_address(VirtualInterface *v, const char *address);
bool virtual_interface_has_address(const VirtualInterface *v, const char *address);

typedef struct VirtualInterfaceList {
        VirtualInterface *items;
        size_t n;
} VirtualInterfaceList;
void virtual_interface_list_done(VirtualInterfaceList *l);
/* Makes room for one more and returns it, zeroed; NULL when out of memory. */
VirtualInterface *virtual_interface_list_add(VirtualInterfaceList *l);
