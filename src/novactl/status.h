/* Lines that status and node share: "       Label: text". */
#pragma once

#include "novactl/output.h"

/* Further lines of a label have "" for it. */
void status_line(const Output *o, const char *label, const char *format, ...) _printf_(3, 4);
/* "Fri 2026-11-27 17:12:55 UTC; 3min ago", or "never". malloc'ed. */
char *status_since(usec_t t);
/* vCPUs, memory and disk of the node with a bar each; the hypervisor. */
void status_resources(const Output *o, const json_t *node);
/* Why it is not connected is told unless @trouble, which stands above, has it. */
void status_hypervisor(const Output *o, const json_t *node, const char *trouble);
