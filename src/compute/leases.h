/* The leases of the local networks in the store: what network/leases.h asks for. Thread-safe; may block. */
#pragma once

#include "db/store.h"
#include "network/leases.h"

typedef struct StoreLeases {
        Leases leases;          /* first: it is one */
        Store *store;           /* borrowed */
} StoreLeases;

void store_leases_init(StoreLeases *l, Store *s);
