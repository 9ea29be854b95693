/* What the verbs that make jobs share. */
#pragma once

#include "novactl/wait.h"

/* All of a file ("-": standard input), at most 1 MiB, with a NUL after it. @option names in errors who wants it. */
ExitStatus read_input(const char *name, const char *option, char **ret, size_t *ret_size);

/* The a{sv} at the end of a call: opened, filled, closed. */
void options_open(sd_bus_message *m);
void options_close(sd_bus_message *m);
/* Adds the option's value, if one was given, under @key. False with the error printed where it is no text. */
bool option_text(Ctl *c, sd_bus_message *m, OptionId id, const char *name, const char *key);
/* Adds admin_password from --password-file, if that was given. False with the error printed and *status set. */
bool option_password(Ctl *c, sd_bus_message *m, ExitStatus *status);

/* Adds user_data from --user-data, every byte of it, if that was given. Prints errors. */
ExitStatus option_user_data(Ctl *c, sd_bus_message *m);

/* Waits for the jobs, or with --no-block names them. */
ExitStatus wait_as_asked(Ctl *c, Waiter *w);
