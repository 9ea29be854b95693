/* NUMA topologies: what is read and what is not, and a few placements that can be followed by hand; Nova's own arithmetic is the judge in
 * integration/test_numa.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "objects/numa.h"

#define CELL0 "{\"id\": 0, \"memory\": 1024, \"cpuset\": [0, 1, 4, 5], \"pcpuset\": [0, 1, 4, 5], \"siblings\": [[0, 4], [1, 5]], \"mempages\": " \
        "[{\"size_kb\": 4, \"total\": 262144}, {\"size_kb\": 2048, \"total\": 256, \"reserved\": 16}]}"
#define CELL1 "{\"id\": 1, \"memory\": 2048, \"cpuset\": [2, 3, 6, 7], \"pcpuset\": [2, 3, 6, 7], \"siblings\": [[2, 6], [3, 7]], \"mempages\": " \
        "[{\"size_kb\": 4, \"total\": 524288}], \"socket\": 1}"
#define HOST "{\"nova_object.name\": \"NUMATopology\", \"nova_object.data\": {\"cells\": [" CELL0 ", " CELL1 "]}}"

static HostTopology host(void) {
        HostTopology t = {};

        assert_int_equal(host_topology_read(HOST, &t, NULL), 1);
        return t;
}

static GuestTopology guest(const char *text) {
        GuestTopology t = {};

        assert_int_equal(guest_topology_read(text, &t, NULL), 1);
        return t;
}

static void what_is_none_and_what_is_wrong(void **state _unused_) {
        static const char *const none[] = { NULL, "", "null" };
        static const char *const wrong[] = {
                "{", "7", "{}", "{\"cells\": []}", "{\"cells\": [1]}", "{\"cells\": [{\"id\": 1}]}",
                "{\"cells\": [{\"id\": 1, \"memory\": \"x\"}]}", "{\"cells\": [{\"id\": 1, \"memory\": 1, \"cpuset\": 3}]}",
                "{\"cells\": [{\"id\": 1, \"memory\": 1, \"cpuset\": [1024]}]}", "{\"cells\": [{\"id\": 1, \"memory\": 1, \"cpuset\": [-1]}]}",
        };
        HostTopology h = {};
        GuestTopology g = {};

        for (size_t n = 0; n < ELEMENTSOF(none); n++) {
                assert_int_equal(host_topology_read(none[n], &h, NULL), 0);
                assert_int_equal(guest_topology_read(none[n], &g, NULL), 0);
        }
        for (size_t n = 0; n < ELEMENTSOF(wrong); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

                assert_int_equal(host_topology_read(wrong[n], &h, &e), -EINVAL);
                assert_string_equal(e.class_name, "Invalid");
                assert_int_equal(guest_topology_read(wrong[n], &g, NULL), -EINVAL);
        }
        assert_int_equal(guest_topology_read("{\"cells\": [{\"id\": 1, \"memory\": 1, \"cpu_policy\": \"own\"}]}", &g, NULL), -EINVAL);
        assert_int_equal(guest_topology_read("{\"cells\": [{\"id\": 1, \"memory\": 1, \"cpu_pinning_raw\": {\"0\": 4096}}]}", &g, NULL), -EINVAL);
        assert_int_equal(host_topology_read("{\"cells\": [{\"id\": 1, \"memory\": 1, \"mempages\": [{\"size_kb\": 0, \"total\": 1}]}]}", &h, NULL), -EINVAL);
        assert_null(h.cells);
        assert_null(g.cells);
}

static void a_guest_goes_where_there_is_room(void **state _unused_) {
        HostTopology h = host();
        GuestTopology g = guest("{\"cells\": [{\"id\": 0, \"memory\": 512, \"cpuset\": [0, 1], \"pagesize\": 2048}]}");
        GuestTopology two = guest("{\"cells\": [{\"id\": 0, \"memory\": 1500, \"cpuset\": [0]}, {\"id\": 1, \"memory\": 500, \"cpuset\": [1]}]}");
        GuestTopology large = guest("{\"cells\": [{\"id\": 0, \"memory\": 3000, \"cpuset\": [0]}]}");
        const NumaLimits narrow = { 0.25, 1 };
        char *text;

        /* 240 pages are free, it wants 256. */
        assert_int_equal(numa_fit(&h, &g, NULL, false), 0);
        assert_int_equal(g.cells[0].page_kib, 2048);
        h.cells[0].pages[1].reserved = 0;
        assert_int_equal(numa_fit(&h, &g, NULL, false), 1);
        assert_int_equal(g.cells[0].id, 0);
        numa_usage_add(&h, &g);
        assert_int_equal(h.cells[0].pages[1].used, 256);
        assert_int_equal(h.cells[0].memory_usage, 512);
        assert_int_equal(h.cells[0].cpu_usage, 2);
        assert_int_equal(h.cells[1].memory_usage, 0);

        assert_int_equal(numa_fit(&h, &large, NULL, false), 0);
        assert_int_equal(numa_fit(&h, &two, &narrow, false), 0);        /* one CPU of four, and two are in use */
        assert_int_equal(numa_fit(&h, &two, NULL, false), 1);
        assert_int_equal(two.cells[0].id, 1);
        assert_int_equal(two.cells[1].id, 0);

        text = host_topology_text(&h);
        assert_non_null(strstr(text, "\"socket\":1"));                  /* what is not ours stays */
        assert_non_null(strstr(text, "\"memory_usage\":512"));
        free(text);
        host_topology_done(&h);
        guest_topology_done(&g);
        guest_topology_done(&two);
        guest_topology_done(&large);
}

static void cpus_of_its_own_are_given_once(void **state _unused_) {
        static const char *const wants =
                "{\"cells\": [{\"id\": 0, \"memory\": 256, \"pcpuset\": [0, 1], \"cpu_policy\": \"dedicated\", \"cpu_thread_policy\": \"require\"}]}";
        HostTopology h = host();
        GuestTopology g[5];
        unsigned given = 0;
        char *text;

        for (unsigned n = 0; n < 5; n++) {
                g[n] = guest(wants);
                assert_false(guest_topology_is_pinned(&g[n]));
                if (numa_fit(&h, &g[n], NULL, false) == 0)
                        continue;
                assert_true(guest_topology_is_pinned(&g[n]));
                assert_int_equal(g[n].cells[0].pins[1], g[n].cells[0].pins[0] + 4);     /* two threads of one core */
                numa_usage_add(&h, &g[n]);
                given++;
        }
        assert_int_equal(given, 4);
        text = guest_topology_text(&g[0]);
        assert_non_null(strstr(text, "\"cpu_pinning_raw\":{\"0\":2,\"1\":6}"));
        free(text);
        guest_topology_clear(&g[0]);
        assert_int_equal(g[0].cells[0].id, -1);
        assert_false(guest_topology_is_pinned(&g[0]));
        for (unsigned n = 0; n < 5; n++)
                guest_topology_done(&g[n]);
        host_topology_done(&h);
}

static void page_sizes_are_words_or_sizes(void **state _unused_) {
        static const struct {
                const char *text;
                int64_t size;
        } rows[] = { { "large", PAGES_LARGE }, { "small", PAGES_SMALL }, { "any", PAGES_ANY }, { "2048", 2048 },     { "2MB", 2048 }, { "1GiB", 1048576 },
                     { "", 0 },               { "MB", 0 },              { "2M", 0 },          { "-1", 0 },          { "999999999999999", 0 } };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++)
                assert_int_equal(numa_page_size(rows[n].text), rows[n].size);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_none_and_what_is_wrong),
                cmocka_unit_test(a_guest_goes_where_there_is_room),
                cmocka_unit_test(cpus_of_its_own_are_given_once),
                cmocka_unit_test(page_sizes_are_words_or_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
