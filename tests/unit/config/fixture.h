/* A directory of its own for each test, files in it, and loading from there. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config/config-internal.h"

typedef struct Fixture {
        char directory[64];             /* absolute; also the working directory */
        char etc[80];                   /* <directory>/etc */
        char home[80];
        char credentials[96];
        Places places;                  /* of these; nothing of it exists until a test makes it */
        ConfigError error;
} Fixture;

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Writes a file below the directory, and the directories it needs. */
void fixture_write(Fixture *f, const char *path, const char *text);
/* Loads with the NULL-terminated arguments after "nova-compute". Fails the test if that fails. */
Config *fixture_load(Fixture *f, const char *const *arguments);
#define LOAD(f, ...) fixture_load(f, (const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL })
/* The sentence with which loading fails. */
const char *fixture_refused(Fixture *f, const char *const *arguments);
#define REFUSED(f, ...) fixture_refused(f, (const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL })
void assert_origin(const Config *c, const char *name, const char *origin);
/* The elements joined by '|'. */
void assert_list(const Config *c, const char *name, const char *joined);
