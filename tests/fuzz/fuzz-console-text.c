/* What a guest writes on its console, and how much of it a caller asks for: a length in JSON, a newline, the log. */
#include "basic/json.h"
#include "compute/console-text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *input = fuzz_text(data, size), *today = NULL, *essex = NULL;
        json_auto_t *length = NULL, *sent = NULL;
        const char *log = strchr(input, '\n'), *tail;

        if (log && json_parse(input, (size_t) (log - input), &length, NULL, 0) < 0)
                length = NULL;
        log = log ? log + 1 : input;
        tail = console_tail(log, length);
        fuzz_check(tail >= log && tail <= log + strlen(log));
        fuzz_check(tail == log || !*tail || tail[-1] == '\n');  /* whole lines */

        today = console_ascii(tail, false);
        essex = console_ascii(tail, true);
        fuzz_check(today && essex && strlen(essex) <= strlen(tail));
        for (const char *p = essex; *p; p++)
                fuzz_check((unsigned char) *p < 0x80);
        sent = json_string(today);      /* else it could not be sent */
        fuzz_check(sent);
        return 0;
}
