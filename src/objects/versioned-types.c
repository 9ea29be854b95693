/* The types of fields that need no table of their own. See versioned-classes.h. */
#include <ctype.h>

#include "objects/versioned-classes.h"

#define PLAIN(name, k) const ObjectType object_##name = { .kind = (k) }

PLAIN(integer, OBJECT_INTEGER);
PLAIN(float, OBJECT_FLOAT);
PLAIN(boolean, OBJECT_BOOLEAN);
PLAIN(flexible_boolean, OBJECT_FLEXIBLE_BOOLEAN);
PLAIN(string, OBJECT_STRING);
PLAIN(sensitive_string, OBJECT_SENSITIVE_STRING);
PLAIN(uuid, OBJECT_UUID);
PLAIN(datetime, OBJECT_DATETIME);
PLAIN(ip_address, OBJECT_IP_ADDRESS);
PLAIN(ipv4_address, OBJECT_IPV4_ADDRESS);
PLAIN(ipv6_address, OBJECT_IPV6_ADDRESS);
PLAIN(network_model, OBJECT_NETWORK_MODEL);
PLAIN(vif_model, OBJECT_VIF_MODEL);

const ObjectType object_nullable_string = { .kind = OBJECT_STRING, .nullable = true };
const ObjectType object_strings = { .kind = OBJECT_DICT, .element = &object_string };
const ObjectType object_nullable_strings = { .kind = OBJECT_DICT, .element = &object_nullable_string };
const ObjectType object_string_list = { .kind = OBJECT_LIST, .element = &object_string };
const ObjectType object_string_set = { .kind = OBJECT_SET, .element = &object_string };
const ObjectType object_integer_set = { .kind = OBJECT_SET, .element = &object_integer };

#define PATTERN(which, text, sentence, ...) \
        const ObjectType object_##which = { .kind = OBJECT_PATTERN, .pattern = (text), .name = (sentence), ##__VA_ARGS__ }

PATTERN(mac_address, "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", "a MAC address", .change = tolower);
PATTERN(pci_address, "^[0-9a-f]{4}:[0-9a-f]{2}:[0-1][0-9a-f].[0-7]$", "a PCI address", .change = tolower);
PATTERN(usb_address, "^[a-f0-9]+:[a-f0-9]+", "a USB address");
PATTERN(scsi_address, "^[a-f0-9]+:[a-f0-9]+:[a-f0-9]+:[a-f0-9]+", "a SCSI address");
PATTERN(ide_address, "^[0-1]:[0-1]", "an IDE address");
PATTERN(xen_address, "^((00[0-9]{2}00)|[1-9][0-9]+)", "a Xen device address");
PATTERN(resource_class, "^[A-Z0-9_]+$", "a resource class", .change = toupper);

#define COMPARISON "[ ]*(<=|>=|<|>|!=|==)[ ]*[0-9]+\\.[0-9]+(\\.[0-9]+)?([ab][0-9]+)?[ ]*"
PATTERN(version_predicate, "^" COMPARISON "(," COMPARISON ")*$", "a list of comparisons of versions, like \">=2.1,<3.0\",");
