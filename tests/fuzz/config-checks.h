/* What the fuzzers of the configuration share. */
#pragma once

#include "config/config-internal.h"

/* Reads @argv with nothing else in reach but a folder without files, and looks at all that came of it. */
void fuzz_config(char *const *argv, char *const *environment);

/* The same of a file's text, which can name no other file. */
void fuzz_config_text(const uint8_t *data, size_t size);

/* A file with this content, and its name. */
const char *fuzz_config_file(const uint8_t *data, size_t size);
