/* What a person says of a new instance, as JSON, and declarations of flavors, separated by ';'. */
#include "basic/json.h"
#include "compute/create.h"
#include "compute/flavor.h"
#include "fuzz.h"

static void check_properties(const json_t *value) {
        CreateProperties p = {};
        NovaException e = NOVA_EXCEPTION_NULL;
        char hostname[64];
        int r;

        r = create_properties_read(value, &p, &e);
        fuzz_check(r >= 0 ? !exception_is_set(&e) : exception_is_set(&e) && !p.name);
        fuzz_check(r >= 0 || strlen(e.message) < 1024);
        if (r >= 0) {
                fuzz_check(*p.name && *p.image && (p.flavor ? p.vcpus == -1 : p.vcpus > 0 && p.memory_mib > 0 && p.disk_gib >= 0));
                create_hostname(p.name, "6f9e2a10-0000-4000-8000-000000000001", hostname);
                fuzz_check(*hostname && *hostname != '-' && strspn(hostname, "abcdefghijklmnopqrstuvwxyz0123456789-S") == strlen(hostname));
        }
        exception_done(&e);
}

static void check_flavors(char *text) {
        FlavorTable t = {};
        char *line, *next;

        for (line = text; line && t.n < 20; line = next) {
                NovaException e = NOVA_EXCEPTION_NULL;
                size_t before = t.n;
                int r;

                next = strchr(line, ';');
                if (next)
                        *next++ = '\0';
                r = flavor_table_add(&t, line, "fuzz", &e);
                fuzz_check(t.n == before + (r >= 0));
                fuzz_check(r >= 0 || (exception_is(&e, EXC_INVALID_CONFIGURATION) && startswith(e.message, "fuzz: ")));
                if (r >= 0) {
                        const Flavor *f = &t.items[before];

                        fuzz_check(flavor_table_find(&t, f->name) == f && f->id == (int64_t) t.n && f->vcpus > 0 && f->memory_mib > 0);
                        fuzz_check(f->disk_gib >= 0 && f->ephemeral_gib >= 0 && f->swap_mib >= 0 && json_is_object(f->extra_specs));
                }
                exception_done(&e);
        }
        flavor_table_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        json_auto_t *value = NULL;

        if (json_parse((const char *) data, size, &value, NULL, 0) >= 0)
                check_properties(value);
        check_flavors(text);
        return 0;
}
