/* The schema of the local store, as steps that each bring the database one version up. Private to db. */
#pragma once

#include <stddef.h>

/* Marks our files ("Nova" in ASCII, PRAGMA application_id): another program's database is never touched. */
#define SCHEMA_APPLICATION_ID 0x4e6f7661

extern const char *const schema_migrations[];
extern const size_t schema_n_migrations;
