/* Names of files. Thread-safe. */
#pragma once

#include <dirent.h>
#include <stddef.h>

/* The part of @path after its last slash; @path itself if it has none. Never NULL. */
const char *path_basename(const char *path);

/* The directory of the running program (/proc/self/exe, so symbolic links are followed), malloc'ed. 0 or -errno. */
int executable_directory(char **ret);

/* For _cleanup_: ends the listing of a directory, if it was begun. */
static inline void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* mkdir -p with mode @mode for what is missing. 0 or -errno. */
int make_directories(const char *path, unsigned mode);

/* Removes @path with all below it, links as links. One that is not there is fine. 0, or -errno of the first that stays. */
int remove_tree(const char *path);

/* Writes @size bytes as file @path, whole or not at all: under another name beside it (removed when it fails), synced, renamed. The file has mode
 * @mode, whatever the umask is. 0 or -errno. */
int write_file_atomic(const char *path, const void *data, size_t size, unsigned mode);
