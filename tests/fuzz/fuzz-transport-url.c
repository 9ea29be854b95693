/* transport_url, and the addresses of rabbit_hosts. */
#include <errno.h>

#include "config/config.h"
#include "rpc/url.h"
#include "fuzz.h"

static void check_hosts(const TransportUrl *u) {
        for (size_t i = 0; i < u->n_hosts; i++) {
                const TransportHost *h = &u->hosts[i];

                fuzz_check(h->host && *h->host && h->user && h->password);
        }
}

/* A password that stands in the URL as it is, and only once, is not in what is shown of it. (guest stands for none.) */
static void check_masked(const char *text, const char *masked, const char *password) {
        bool plain = strlen(password) >= 4 && !streq(password, "guest") && !strchr(text, '%');
        const char *found = plain ? strstr(text, password) : NULL;

        if (found && found[-1] == ':' && !strstr(found + 1, password))
                fuzz_check(!strstr(masked, password));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size), *masked = mask_url(text);
        TransportUrl u = TRANSPORT_URL_NULL;
        char why[256] = "";
        int r;

        fuzz_check(masked);
        r = transport_url_parse(text, &u, why, sizeof why);
        if (r >= 0) {
                fuzz_check(u.vhost && strlen(u.vhost) <= 255);
                fuzz_check(u.kind != TRANSPORT_RABBIT || u.n_hosts > 0);
                check_hosts(&u);
                for (size_t i = 0; i < u.n_hosts; i++) {
                        fuzz_check(u.hosts[i].port > 0);
                        check_masked(text, masked, u.hosts[i].password);
                }
                for (char **q = u.query; q && *q; q++)
                        fuzz_check(strchr(*q, '='));
                (void) transport_url_query(&u, "ssl");
                transport_url_shuffle(&u);
                check_hosts(&u);
        } else
                fuzz_check(r == -EINVAL && fuzz_is_sentence(why, sizeof why) && !u.hosts && !u.vhost && !u.query);
        transport_url_done(&u);

        why[0] = '\0';
        r = transport_url_add_address(&u, text, 5672, "guest", "guest", why, sizeof why);
        if (r >= 0)
                check_hosts(&u);
        else
                fuzz_check(r == -EINVAL && fuzz_is_sentence(why, sizeof why) && u.n_hosts == 0);
        transport_url_done(&u);
        return 0;
}
