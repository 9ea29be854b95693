/* What strangers can put into a line of the log and onto the bus: it stays one line, and valid text. The first line of the
 * input is the format. */
#include "basic/log-format.h"
#include "bus/value.h"
#include "config/config-internal.h"
#include "fuzz.h"

static void check_bus(const char *text) {
        _cleanup_free_ char *owned = NULL;
        const char *shown = bus_text(text, &owned);

        fuzz_check(text_is_utf8(shown, strlen(shown)));
        if (text_is_utf8(text, strlen(text)))
                fuzz_check(shown == text && !owned);
}

static void check_line(const LogFormats *f, const LogRecord *r) {
        _cleanup_free_ char *line = log_format_line(f, r);

        fuzz_check(line);
        for (const char *p = line; *p; p++)
                fuzz_check((unsigned char) *p >= 0x20 || *p == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        LogFormats formats = log_formats_builtin;
        char *rest = strchr(text, '\n'), why[200] = "";
        LogRecord record = { .level = LOG_LEVEL_DEBUG, .program = "nova-compute", .file = "fuzz.c", .func = "main", .line = 1 };

        check_bus(text);

        if (rest)
                *rest++ = '\0';
        record.message = strempty(rest);
        record.fields.request_id = strempty(rest);
        record.fields.instance_uuid = strempty(rest);
        record.fields.user_id = text;
        check_line(&formats, &record);
        if (log_format_check(text, why, sizeof why) < 0) {
                fuzz_check(*why);
                return 0;
        }
        /* The operator's own control characters are his. */
        for (const char *p = text; *p; p++)
                if ((unsigned char) *p < 0x20)
                        return 0;
        formats.context = formats.standard = formats.instance = formats.debug_suffix = text;
        check_line(&formats, &record);
        return 0;
}
