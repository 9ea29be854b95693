/* What the themes about a guest that is there share: consoles, rescue, rebuild, snapshots, its agent, its interfaces. */
#pragma once

#include "compute/instance-call.h"

/* The failure of a driver's call about a guest, handed on: a guest that is not there yet is InstanceNotReady. Empties @x. */
int guest_not_here(InstanceCall *c, int r, NovaException *x, NovaException *e);

/* A password of password_length characters where none is given; nobody is told it but the guest. 0 or -errno. */
#define GUEST_PASSWORD_MAX 1025
int guest_password(ComputeManager *m, char buf[static GUEST_PASSWORD_MAX]);

/* power.c: it runs, with the interfaces that its row names. */
int guest_power_on(InstanceCall *c, NovaException *e);

/* ---- undo: what a start does with these when they were interrupted. Method.undo ---- */
int guest_undo_rescue(Operation *o, NovaException *e);
int guest_undo_rebuild(Operation *o, NovaException *e);
int guest_undo_snapshot(Operation *o, NovaException *e);
int guest_undo_attach(Operation *o, NovaException *e);

/* The row that an interrupted operation was about: 1; 0 if it is gone, and there is nothing to undo. */
int guest_undo_begin(Operation *o, ComputeManager **ret_manager, Instance *ret, NovaException *e);

/* ---- interface.c: under the instance's key ---- */

/* The row's network information as the network has it now. */
int guest_network_changed(InstanceCall *c, NovaException *e);
/* The port is gone: so are its VIF in the row and its device. PortNotFound when the row has none such. */
int guest_vif_deleted(InstanceCall *c, const char *id, NovaException *e);
