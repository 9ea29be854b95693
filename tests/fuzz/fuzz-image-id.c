/* Ids of images as requests bring them: names below a directory, URLs; and the base64 of user data and injected files. */
#include "basic/base64.h"
#include "basic/json.h"
#include "image/private.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *urls[] = {(char *) "http://localhost:8080/images/", (char *) "https", NULL};
        ImageService s = {.directory = (char *) "/var/lib/nova/images", .http_urls = urls};
        _cleanup_free_ char *text = fuzz_text(data, size), *name = NULL, *url = NULL, *decoded = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *meta = NULL;
        size_t n;

        if (image_local_name(&s, text, &name, NULL) >= 0) {
                fuzz_check(*name && *name != '/' && *name != '.' && !strstr(name, "/.") && !strstr(name, "//"));
                for (const char *p = name; *p; p++)
                        fuzz_check(*p > ' ' && *p < 0x7f && *p != '\\' && *p != '%');
        }

        if (image_id_is_url(text) && image_url_show(&s, text, &meta, &url, &e) >= 0) {
                fuzz_check(image_url_is_allowed(&s, text));
                fuzz_check(startswith(url, "https://") || strncasecmp(url, "http://localhost:8080/images", 28) == 0);
                fuzz_check(!strchr(url, '#'));
                url[strcspn(url, "?")] = '\0';
                fuzz_check(!strstr(strchr(url + strlen("https://"), '/') ?: "", "/../"));
                fuzz_check(streq(json_member_string(meta, "id"), text));
        }

        if (base64_decode(text, &decoded, &n) >= 0) {
                _cleanup_free_ char *again = base64_encode(decoded, n), *twice = NULL;
                size_t m;

                fuzz_check(again && base64_decode(again, &twice, &m) >= 0 && m == n && memcmp(twice, decoded, n) == 0);
        }
        return 0;
}
