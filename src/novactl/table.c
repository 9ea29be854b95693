#include "novactl/table.h"

typedef struct Cell {
        json_t *value;
        char *text;
        Colour colour;
} Cell;

struct Table {
        const TableColumn *columns;
        size_t n_columns;
        Cell *cells;
        size_t n_cells, allocated;
};

Table *table_new(const TableColumn *columns, size_t n) {
        Table *t = must(calloc(1, sizeof *t));

        t->columns = columns;
        t->n_columns = n;
        return t;
}

Table *table_free(Table *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_cells; i++) {
                json_decref(t->cells[i].value);
                free(t->cells[i].text);
        }
        free(t->cells);
        free(t);
        return NULL;
}

void table_cell(Table *t, json_t *value, char *text, Colour colour) {
        must(value);
        if (!text)
                text = value_text(value);
        if (t->n_cells == t->allocated) {
                t->allocated = MAX(2 * t->allocated, 64u);
                t->cells = must(reallocarray(t->cells, t->allocated, sizeof *t->cells));
        }
        t->cells[t->n_cells++] = (Cell) { .value = value, .text = text, .colour = colour };
}

size_t table_rows(const Table *t) {
        return t->n_cells / t->n_columns;
}

static const char *cell_text(const Cell *c) {
        return isempty(c->text) ? "-" : c->text;
}

static void print_json(const Table *t, const Output *o) {
        json_auto_t *rows = must(json_array());

        for (size_t row = 0; row < table_rows(t); row++) {
                json_t *object = must(json_object());

                for (size_t i = 0; i < t->n_columns; i++)
                        must(json_object_set(object, t->columns[i].key, t->cells[row * t->n_columns + i].value) == 0 ? object : NULL);
                must(json_array_append_new(rows, object) == 0 ? rows : NULL);
        }
        output_json(o, rows);
}

/* Widths such that the table fits: the widest of the columns that shrink gives first, down to 8. */
static void widths_of(const Table *t, const Output *o, size_t *widths) {
        size_t total = 0;

        for (size_t i = 0; i < t->n_columns; i++) {
                widths[i] = o->legend ? text_width(t->columns[i].title) : 0;
                for (size_t row = 0; row < table_rows(t); row++)
                        widths[i] = MAX(widths[i], text_width(cell_text(t->cells + row * t->n_columns + i)));
                if (!t->columns[i].json_only)
                        total += widths[i] + (total > 0);
        }
        while (o->width > 0 && !o->full && total > o->width) {
                size_t widest = t->n_columns;

                for (size_t i = 0; i < t->n_columns; i++)
                        if (t->columns[i].shrinks && !t->columns[i].json_only && widths[i] > 8 &&
                            (widest == t->n_columns || widths[i] > widths[widest]))
                                widest = i;
                if (widest == t->n_columns)
                        break;
                widths[widest]--;
                total--;
        }
}

static void print_cell(const Output *o, const TableColumn *column, const char *text, Colour colour, size_t width, bool first, bool last) {
        _cleanup_free_ char *cut = text_cut(text, MAX(width, 1u));
        size_t padding = width - MIN(width, text_width(cut));

        fprintf(o->file, "%s%*s%s%s%s%*s", first ? "" : " ", column->right ? (int) padding : 0, "", output_colour(o, colour), cut,
                output_colour_end(o, colour), column->right || last ? 0 : (int) padding, "");
}

static void print_row(const Table *t, const Output *o, const size_t *widths, const Cell *cells) {
        size_t last = 0;
        bool first = true;

        for (size_t i = 0; i < t->n_columns; i++)
                if (!t->columns[i].json_only)
                        last = i;
        for (size_t i = 0; i < t->n_columns; i++) {
                if (t->columns[i].json_only)
                        continue;
                print_cell(o, t->columns + i, cells ? cell_text(cells + i) : t->columns[i].title, cells ? cells[i].colour : COLOUR_BOLD,
                           widths[i], first, i == last);
                first = false;
        }
        (void) fputc('\n', o->file);
}

void table_print(const Table *t, const Output *o, const char *one, const char *many, const char *none) {
        _cleanup_free_ size_t *widths = NULL;
        size_t n = table_rows(t);

        if (o->json != JSON_OFF) {
                print_json(t, o);
                return;
        }
        if (n == 0) {
                if (o->legend)
                        fprintf(o->file, "%s\n", none);
                return;
        }
        widths = must(calloc(t->n_columns, sizeof *widths));
        widths_of(t, o, widths);
        if (o->legend)
                print_row(t, o, widths, NULL);
        for (size_t row = 0; row < n; row++)
                print_row(t, o, widths, t->cells + row * t->n_columns);
        if (o->legend)
                fprintf(o->file, "\n%zu %s listed.\n", n, n == 1 ? one : many);
}
