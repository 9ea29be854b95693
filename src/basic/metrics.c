/* Counters, histograms and their text. */
#include "basic/metrics.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

/* Ends of the buckets in microseconds, and as the text has them: a float in its shortest form. */
static const struct {
        usec_t end;
        const char *text;
} buckets[HISTOGRAM_BUCKETS] = {
        { 1000, "0.001" },
        { 2500, "0.0025" },
        { 5000, "0.005" },
        { 10000, "0.01" },
        { 25000, "0.025" },
        { 50000, "0.05" },
        { 100000, "0.1" },
        { 250000, "0.25" },
        { 500000, "0.5" },
        { USEC_PER_SEC, "1.0" },
        { 2500000, "2.5" },
        { 10 * USEC_PER_SEC, "10.0" },
        { 30 * USEC_PER_SEC, "30.0" },
        { 2 * USEC_PER_MINUTE, "120.0" },
        { 10 * USEC_PER_MINUTE, "600.0" },
        { USEC_INFINITY, "+Inf" },
};

void histogram_observe(Histogram *h, usec_t took) {
        unsigned n = 0;

        while (took > buckets[n].end)
                n++;
        counter_add(h->buckets + n, 1);
        counter_add(&h->sum, took);
}

uint64_t histogram_count(const Histogram *h) {
        uint64_t count = 0;

        for (unsigned n = 0; n < HISTOGRAM_BUCKETS; n++)
                count += counter_read(h->buckets + n);
        return count;
}

/* ---- the text ---- */

int metrics_text_begin(MetricsText *t) {
        *t = (MetricsText) {};
        t->file = open_memstream(&t->text, &t->size);
        return t->file ? 0 : -ENOMEM;
}

void metrics_text_done(MetricsText *t) {
        if (t->file)
                (void) fclose(t->file);
        free(t->text);
        *t = (MetricsText) {};
}

int metrics_text_finish(MetricsText *t, char **ret) {
        bool failed;

        fputs("# EOF\n", t->file);
        failed = ferror(t->file);
        failed = fclose(t->file) != 0 || failed;
        t->file = NULL;
        if (!failed)
                *ret = TAKE_PTR(t->text);
        metrics_text_done(t);
        return failed ? -ENOMEM : 0;
}

void metrics_family(MetricsText *t, const char *name, MetricType type, const char *unit, const char *help) {
        static const char *const types[] = {
                [METRIC_COUNTER] = "counter",
                [METRIC_GAUGE] = "gauge",
                [METRIC_HISTOGRAM] = "histogram",
                [METRIC_STATESET] = "stateset",
                [METRIC_INFO] = "info",
        };

        t->family = name;
        t->type = type;
        fprintf(t->file, "# TYPE %s %s\n", name, types[type]);
        if (unit)
                fprintf(t->file, "# UNIT %s %s\n", name, unit);
        fprintf(t->file, "# HELP %s %s\n", name, help);
}

/* How long the character at @s is, by Unicode's table of well-formed sequences; 0: it is none. */
static unsigned utf8_length(const unsigned char *s) {
        unsigned n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

        for (unsigned i = 1; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
                return 0;
        return n;
}

static void put_label(MetricsText *t, bool *any, const char *name, const char *value) {
        fprintf(t->file, "%c%s=\"", *any ? ',' : '{', name);
        *any = true;
        for (const unsigned char *s = (const unsigned char *) value; *s;) {
                unsigned n = utf8_length(s);

                if (*s == '\\' || *s == '"')
                        fprintf(t->file, "\\%c", *s);
                else if (*s == '\n')
                        fputs("\\n", t->file);
                else if (n > 0)
                        (void) fwrite(s, 1, n, t->file);
                else
                        fputc('?', t->file);
                s += MAX(n, 1u);
        }
        fputc('"', t->file);
}

/* What comes before the value: name, labels, and one more label where @more has one. */
static void put_name(MetricsText *t, const char *suffix, va_list labels, const char *more, const char *more_value) {
        const char *name;
        bool any = false;

        fprintf(t->file, "%s%s", t->family, suffix);
        while (labels && (name = va_arg(labels, const char *))) {
                const char *value = va_arg(labels, const char *);

                if (value)
                        put_label(t, &any, name, value);
        }
        if (more)
                put_label(t, &any, more, more_value);
        fputs(any ? "} " : " ", t->file);
}

static const char *suffix(const MetricsText *t) {
        assert(t->type == METRIC_COUNTER || t->type == METRIC_GAUGE);
        return t->type == METRIC_COUNTER ? "_total" : "";
}

static void put_usec(MetricsText *t, usec_t value) {
        fprintf(t->file, "%" PRIu64 ".%06" PRIu64 "\n", value / USEC_PER_SEC, value % USEC_PER_SEC);
}

void metrics_value(MetricsText *t, uint64_t value, ...) {
        va_list labels;

        va_start(labels, value);
        put_name(t, suffix(t), labels, NULL, NULL);
        va_end(labels);
        fprintf(t->file, "%" PRIu64 "\n", value);
}

void metrics_real(MetricsText *t, double value, ...) {
        va_list labels;

        va_start(labels, value);
        put_name(t, suffix(t), labels, NULL, NULL);
        va_end(labels);
        fprintf(t->file, "%.17g\n", value);
}

void metrics_usec(MetricsText *t, usec_t value, ...) {
        va_list labels;

        va_start(labels, value);
        put_name(t, suffix(t), labels, NULL, NULL);
        va_end(labels);
        put_usec(t, value);
}

void metrics_info(MetricsText *t, ...) {
        va_list labels;

        assert(t->type == METRIC_INFO);
        va_start(labels, t);
        put_name(t, "_info", labels, NULL, NULL);
        va_end(labels);
        fputs("1\n", t->file);
}

void metrics_histogram(MetricsText *t, const Histogram *h, ...) {
        uint64_t count = 0;
        va_list labels;

        assert(t->type == METRIC_HISTOGRAM);
        for (unsigned n = 0; n < HISTOGRAM_BUCKETS; n++) {
                count += counter_read(h->buckets + n);
                va_start(labels, h);
                put_name(t, "_bucket", labels, "le", buckets[n].text);
                va_end(labels);
                fprintf(t->file, "%" PRIu64 "\n", count);
        }
        va_start(labels, h);
        put_name(t, "_count", labels, NULL, NULL);
        va_end(labels);
        fprintf(t->file, "%" PRIu64 "\n", count);
        va_start(labels, h);
        put_name(t, "_sum", labels, NULL, NULL);
        va_end(labels);
        put_usec(t, counter_read(&h->sum));
}

void metrics_states(MetricsText *t, unsigned now, unsigned n, const char *(*name_of)(unsigned state)) {
        bool any;

        assert(t->type == METRIC_STATESET);
        for (unsigned i = 0; i < n; i++) {
                any = false;
                fputs(t->family, t->file);
                put_label(t, &any, t->family, name_of(i));
                fprintf(t->file, "} %d\n", i == now);
        }
}
