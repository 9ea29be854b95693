/* The journal catalog against message-id.h: an entry for each id and the reverse, each entry with what a reader needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include <cmocka.h>

#include "basic/macros.h"

#define IDS_MAX 256

typedef struct Ids {
        char id[IDS_MAX][33];
        size_t n;
} Ids;

static bool is_id(const char *s) {
        return strspn(s, "0123456789abcdef") == 32;
}

static void ids_add(Ids *ids, const char *s) {
        assert_true(ids->n < IDS_MAX);
        memcpy(ids->id[ids->n], s, 32);
        ids->id[ids->n++][32] = 0;
}

static bool ids_have(const Ids *ids, const char *id) {
        for (size_t i = 0; i < ids->n; i++)
                if (streq(ids->id[i], id))
                        return true;
        return false;
}

static void read_header(Ids *ids) {
        FILE *f = fopen(MESSAGE_ID_HEADER, "re");
        char line[1024], name[128];

        assert_non_null(f);
        while (fgets(line, sizeof line, f)) {
                const char *quote = strchr(line, '"');

                if (sscanf(line, "#define MESSAGE_%100s", name) == 1) {
                        if (!quote || !is_id(quote + 1) || quote[33] != '"')
                                fail_msg("%s: MESSAGE_%s is not 32 hex digits", MESSAGE_ID_HEADER, name);
                        ids_add(ids, quote + 1);
                }
        }
        fclose(f);
        assert_true(ids->n > 10);
}

/* Reads the ids of the catalog; checks the form of each entry on the way. */
static void read_catalog(Ids *ids) {
        FILE *f = fopen(CATALOG, "re");
        bool in_head = false;
        char line[1024], what[64] = "";
        unsigned n = 0, text = 0;
        bool subject = true, defined = true, documented = true;

        assert_non_null(f);
        for (;;) {
                bool more = fgets(line, sizeof line, f);

                n++;
                if (more && line[0] == '#')
                        continue;
                if (!more || startswith(line, "-- ")) {
                        if (*what && !(subject && defined && documented && text >= 2))
                                fail_msg("%s: entry %s lacks %s", CATALOG, what,
                                         !subject ? "Subject" : !defined ? "Defined-By" : !documented ? "Documentation" : "text");
                        if (!more)
                                break;
                        if (!is_id(line + 3) || line[35] != '\n')
                                fail_msg("%s:%u: not an id: %s", CATALOG, n, line);
                        ids_add(ids, line + 3);
                        snprintf(what, sizeof what, "%s", ids->id[ids->n - 1]);
                        in_head = true;
                        subject = defined = documented = false;
                        text = 0;
                        continue;
                }
                if (strlen(line) > 80)
                        fail_msg("%s:%u: longer than 79 columns", CATALOG, n);
                if (streq(line, "\n"))
                        in_head = false;
                else if (in_head && startswith(line, "Subject: "))
                        subject = true;
                else if (in_head && startswith(line, "Defined-By: nova-compute"))
                        defined = true;
                else if (in_head && startswith(line, "Documentation: "))
                        documented = true;
                else if (!in_head)
                        text++;
        }
        fclose(f);
}

static void each_message_id_has_a_catalog_entry_and_each_entry_a_message_id(void **state) {
        Ids header = {}, catalog = {};

        read_header(&header);
        read_catalog(&catalog);

        for (size_t i = 0; i < header.n; i++)
                if (!ids_have(&catalog, header.id[i]))
                        fail_msg("message-id.h has %s, which has no entry in systemd/nova-compute.catalog: write one "
                                 "(subject, cause, remedy)", header.id[i]);
        for (size_t i = 0; i < catalog.n; i++)
                if (!ids_have(&header, catalog.id[i]))
                        fail_msg("the catalog explains %s, which message-id.h does not have", catalog.id[i]);
        assert_int_equal(header.n, catalog.n);
}

static void no_message_id_is_used_twice(void **state) {
        Ids header = {};

        read_header(&header);
        for (size_t i = 0; i < header.n; i++)
                for (size_t k = i + 1; k < header.n; k++)
                        if (streq(header.id[i], header.id[k]))
                                fail_msg("%s stands twice in message-id.h", header.id[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_message_id_has_a_catalog_entry_and_each_entry_a_message_id),
                cmocka_unit_test(no_message_id_is_used_twice),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
