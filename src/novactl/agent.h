/* The polkit agent on the terminal: pkttyagent asks for the password that a verb needs. */
#pragma once

#include "novactl/novactl.h"

/* Starts it, once, and waits until it has registered with polkit. Only where somebody can type: standard input is a terminal, the
 * caller is not root (whom polkit never asks), and the daemon is on this host. Does nothing where pkttyagent is not installed; polkit then
 * says no by itself. */
void agent_open(Ctl *c);
/* Ends it. Leaves the terminal as it was. */
void agent_close(Ctl *c);
