/* monkey_patch of the seed (essex 5.1): the modules named in monkey_patch_modules have a decorator around their methods.
 * The one decorator is notify_decorator: it notifies before the call. */
#pragma once

#include "config/config.h"
#include "objects/exception.h"

typedef struct Hooks Hooks;

/* Reads monkey_patch and monkey_patch_modules. A malformed entry, an unknown decorator or module: -EINVAL with @e naming it,
 * which ends the start. Also called by main at its own step, to fail early; reading twice gives the same. */
int hooks_new(Hooks **ret, const Config *config, NovaException *e);
Hooks *hooks_free(Hooks *h);
DEFINE_CLEANUP(Hooks *, hooks_free)

/* Whether the methods of @module ("nova.compute.manager") notify. */
bool hooks_notify(const Hooks *h, const char *module);
