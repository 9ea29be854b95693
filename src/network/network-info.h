/* Nova's network model of the local networks: the list of VIFs (zed 6.4) that the info cache holds and the driver reads. */
#pragma once

#include <jansson.h>

#include "network/declared.h"
#include "objects/virtual-interface.h"

/* The longest name of a tap: "tap" and 11 characters of the interface's uuid. */
#define VIF_DEVICE_MAX 16
void vif_device_name(const char *vif_uuid, char buf[static VIF_DEVICE_MAX]);

/* One VIF. @project_id may be NULL. New reference, NULL when out of memory. */
json_t *vif_to_json(const VirtualInterface *v, const DeclaredNetwork *n, const char *project_id);
