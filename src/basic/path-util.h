/* Names of files. Thread-safe. */
#pragma once

/* The part of @path after its last slash; @path itself if it has none. Never NULL. */
const char *path_basename(const char *path);

/* The directory of the running program (/proc/self/exe, so symbolic links are followed), malloc'ed. 0 or -errno. */
int executable_directory(char **ret);

/* mkdir -p with mode @mode for what is missing. 0 or -errno. */
int make_directories(const char *path, unsigned mode);
