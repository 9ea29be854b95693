/* Where and how novactl writes: a terminal or not, colours, a pager, JSON. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "novactl/text.h"

typedef enum JsonMode {
        JSON_OFF,
        JSON_SHORT,
        JSON_PRETTY,
        _JSON_MODE_MAX,
} JsonMode;

typedef enum Colour {
        COLOUR_NONE,
        COLOUR_BOLD,
        COLOUR_GOOD,
        COLOUR_WARN,
        COLOUR_BAD,
        COLOUR_GREY,
        _COLOUR_MAX,
} Colour;

typedef struct Output {
        FILE *file;
        JsonMode json;
        bool terminal;          /* what is written is read on a terminal, through a pager or not */
        bool colours;
        bool ascii;             /* the locale has no UTF-8 */
        bool legend, full, no_pager;
        size_t width;           /* columns of the terminal; 0 where there is none */
        pid_t pager;            /* 0 = none */
} Output;

/* Looks at standard output and the environment (NO_COLOR, TERM, COLUMNS, the locale). */
void output_init(Output *o);

/* From here on what is written goes through $SYSTEMD_PAGER, $PAGER or less, where standard output is a terminal. An empty
 * variable or "cat" means none. Does nothing the second time. */
void output_open_pager(Output *o);
/* Writes out what is left and waits until the pager was left. Returns 0, or -EIO where not all could be written (disk full, reader
 * gone). */
int output_close(Output *o);

/* The sequences around coloured text; "" where there are no colours. */
const char *output_colour(const Output *o, Colour c);
const char *output_colour_end(const Output *o, Colour c);

/* Which colour a state has: of instances, jobs, services, brokers. */
Colour colour_of_state(const char *state);

/* Writes @value as JSON with a line's end, in the mode of @o (short where it is off). */
void output_json(const Output *o, const json_t *value);
/* Writes @value as an indented outline: "key: value", for what has no layout of its own. Null is "-". */
void output_outline(const Output *o, const json_t *value, unsigned indent);

/* One value in a line: text as it is, made visible; numbers; yes and no; lists of simple values joined by spaces, others as JSON. */
char *value_text(const json_t *value);
