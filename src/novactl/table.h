/* A table for people that is the same table as JSON: every cell is a value, with a text for it. */
#pragma once

#include "novactl/output.h"

typedef struct TableColumn {
        const char *title;      /* heading: upper case */
        const char *key;        /* member in JSON */
        bool right;             /* numbers stand right */
        bool shrinks;           /* may be cut where the terminal is too narrow */
        bool json_only;
} TableColumn;

typedef struct Table Table;

/* @columns (@n of them) outlive the table. */
Table *table_new(const TableColumn *columns, size_t n);
Table *table_free(Table *t);
DEFINE_CLEANUP(Table *, table_free)

/* The next cell, row by row. Takes over @value (NULL: out of memory, ends the program) and @text (NULL: the value as text). Empty
 * texts are shown as "-". */
void table_cell(Table *t, json_t *value, char *text, Colour colour);
size_t table_rows(const Table *t);

/* Writes heading, rows and "N @many listed." (with one row "1 @one listed."), or the sentence @none where there is no row, as @o has
 * it: cut to the terminal's width unless o->full. As JSON an array of objects and no legend. */
void table_print(const Table *t, const Output *o, const char *one, const char *many, const char *none);
