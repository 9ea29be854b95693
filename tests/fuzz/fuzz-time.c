/* Times, uuids, versions: short texts that come in messages. */
#include "basic/id.h"
#include "basic/time-util.h"
#include "compute/audit-period.h"
#include "rpc/envelope.h"
#include "fuzz.h"

static void check_time(const char *text) {
        char buf[TIME_TEXT_MAX];
        usec_t t = 7, again = 0;

        if (time_parse(text, &t) < 0) {
                fuzz_check(t == 7);
                return;
        }
        fuzz_check(time_parse(time_format_rpc(t, buf), &again) == 0 && again == t);
        fuzz_check(time_parse(time_format_log(t, buf), &again) == 0 && again == t);
        fuzz_check(time_parse(time_format_iso(t, buf), &again) == 0 && again == t / USEC_PER_SEC * USEC_PER_SEC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        usec_t begin = 0, end = 0;
        unsigned major = 7, minor = 7;

        check_time(text);

        if (uuid_is_valid(text))
                fuzz_check(strlen(text) == UUID_TEXT_MAX - 1 && !strchr(text, '/') && !strchr(text, '.'));

        if (envelope_version_parse(text, &major, &minor) < 0)
                fuzz_check(major == 7 && minor == 7);
        else
                fuzz_check(major < 1000000 && minor < 1000000);

        if (audit_period(text, UINT64_C(1795365811) * USEC_PER_SEC, &begin, &end) >= 0)
                fuzz_check(begin < end && end <= UINT64_C(1795365811) * USEC_PER_SEC);
        return 0;
}
