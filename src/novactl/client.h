/* The daemon as novactl sees it: calls with their errors told to people, values as JSON, objects and names. */
#pragma once

#include "novactl/novactl.h"

/* How a call is made. */
typedef enum CallFlags {
        CALL_INTERACTIVE = 1 << 0,      /* a verb: polkit may ask, which may take minutes */
        CALL_NO_START = 1 << 1,         /* a daemon that is not there stays away */
        CALL_SILENT = 1 << 2,           /* errors are not printed */
        CALL_BRIEF = 1 << 3,            /* for health checks and completion: an answer within seconds, or none */
        CALL_MAY_BE_GONE = 1 << 4,      /* that there is no such object is not printed: the caller does */
} CallFlags;

/* Connects to the system bus, of c->host by ssh where it is set. EXIT_UNREACHABLE with the reason printed unless @silent. */
ExitStatus client_connect(Ctl *c, bool silent);
/* Closes the bus and ends the agent. */
void client_done(Ctl *c);

/* A new call to the daemon. Ends the program where there is no memory. */
sd_bus_message *client_message(Ctl *c, const char *path, const char *interface, const char *method);
/* sd_bus_message_append and its kin: ends the program on what can only be our mistake or no memory. */
void client_append(sd_bus_message *m, const char *types, ...);

/* Sends @m (which it takes over) and waits. On failure an error is printed and its status returned: what the daemon says, which is a whole
 * sentence, behind the name @whom (of an instance; NULL: none); of other failures behind @what was done ("stopping 'web1'"). @ret may be
 * NULL. */
ExitStatus client_call(Ctl *c, sd_bus_message *m, CallFlags flags, const char *what, const char *whom, sd_bus_message **ret);
/* The same for an answer of one value, as JSON. */
ExitStatus client_query(Ctl *c, sd_bus_message *m, CallFlags flags, const char *what, const char *whom, json_t **ret);

/* What an error on the bus means for the exit status. */
ExitStatus client_status_of(const sd_bus_error *error);
/* The status for several things done: of those that are not 0 the one they share, or 1 where they differ; 130 where it was broken off. */
ExitStatus client_status_join(ExitStatus a, ExitStatus b);
/* The sentence for people of an error on the bus; belongs to @error or is constant. *ret_whole: it is the daemon's own, which says itself
 * what could not be done. */
const char *client_sentence_of(const sd_bus_error *error, bool *ret_whole);

/* The next value of @m as JSON: texts, numbers and booleans as such, a{s…} and a{o…} as objects, other arrays and structures as
 * arrays, variants as what is in them, bytes as text (those that are no UTF-8 as base64). NULL with errno set if there is none,
 * or the message is broken. */
json_t *client_value(sd_bus_message *m);

/* All properties of an interface. */
ExitStatus client_properties(Ctl *c, const char *path, const char *interface, CallFlags flags, json_t **ret);

/* GetManagedObjects: path -> interface -> property -> value. */
ExitStatus client_objects(Ctl *c, CallFlags flags, json_t **ret);

/* The object path of the instance that goes by @name. Where there is none, one with a name like it is suggested. Prints errors. @flags:
 * CALL_NO_START or none. */
ExitStatus client_find(Ctl *c, const char *name, CallFlags flags, char **ret_path);

/* Prints that there is no job of that number. */
void client_no_job(const char *number);

/* Whether a path of the bus is one of an instance; its uuid (as the path says) then goes to @uuid. */
bool client_path_uuid(const char *path, char uuid[static 37]);
