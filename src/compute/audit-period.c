/* The audit period: the last completed unit of time, shifted by the offset. */
#include "compute/audit-period.h"

#include <ctype.h>
#include <errno.h>
#include <time.h>

#include "basic/macros.h"

typedef enum Unit { UNIT_HOUR, UNIT_DAY, UNIT_MONTH, UNIT_YEAR } Unit;

static const struct {
        const char *name;
        int first, last, otherwise;     /* the offset: allowed range, and without one */
} units[] = {
        [UNIT_HOUR] = { "hour", 0, 59, 0 },     /* minute */
        [UNIT_DAY] = { "day", 0, 23, 0 },       /* hour */
        [UNIT_MONTH] = { "month", 1, 31, 1 },   /* day of the month */
        [UNIT_YEAR] = { "year", 1, 12, 1 },     /* month */
};

static usec_t to_usec(struct tm tm) {
        return (usec_t) timegm(&tm) * USEC_PER_SEC;
}

/* The first boundary not after @now is the end; one unit before it is the beginning. @back: units before. */
static struct tm boundary(const struct tm *now, Unit unit, int offset, int back) {
        struct tm t = { .tm_year = now->tm_year, .tm_mon = now->tm_mon, .tm_mday = now->tm_mday, .tm_hour = now->tm_hour };

        switch (unit) {
        case UNIT_HOUR:
                t.tm_min = offset;
                t.tm_hour -= back;
                break;
        case UNIT_DAY:
                t.tm_hour = offset;
                t.tm_mday -= back;
                break;
        case UNIT_MONTH: {
                struct tm last;

                t.tm_hour = 0;
                t.tm_mon -= back;
                /* A day that the month does not have is its last one. */
                last = t;
                last.tm_mon++;
                last.tm_mday = 0;
                (void) timegm(&last);
                t.tm_mday = MIN(offset, last.tm_mday);
                break;
        }
        case UNIT_YEAR:
                t.tm_hour = 0;
                t.tm_mday = 1;
                t.tm_mon = offset - 1;
                t.tm_year -= back;
                break;
        }
        return t;
}

int audit_period(const char *text, usec_t now, usec_t *ret_begin, usec_t *ret_end) {
        time_t seconds = (time_t) (now / USEC_PER_SEC);
        const char *rest = NULL;
        struct tm tm;
        int offset, back = 0;
        size_t u;

        for (u = 0; u < ELEMENTSOF(units); u++) {
                rest = startswith(strempty(text), units[u].name);
                if (rest)
                        break;
        }
        if (!rest)
                return -EINVAL;

        offset = units[u].otherwise;
        if (*rest == '@') {
                offset = 0;
                if (!isdigit((unsigned char) rest[1]))
                        return -EINVAL;
                for (rest++; isdigit((unsigned char) *rest) && offset < 1000; rest++)
                        offset = offset * 10 + (*rest - '0');
                if (offset < units[u].first || offset > units[u].last)
                        return -EINVAL;
        }
        if (*rest)
                return -EINVAL;

        if (!gmtime_r(&seconds, &tm))
                return -EINVAL;
        while (to_usec(boundary(&tm, (Unit) u, offset, back)) > now)
                back++;
        *ret_end = to_usec(boundary(&tm, (Unit) u, offset, back));
        *ret_begin = to_usec(boundary(&tm, (Unit) u, offset, back + 1));
        return 0;
}
