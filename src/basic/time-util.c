/* Time in microseconds and Nova's text forms of UTC. See time-util.h. */
#include "basic/time-util.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "basic/macros.h"

#define SECONDS_MAX 253402300799        /* 9999-12-31T23:59:59: the last that four digits of a year can say */

static usec_t now(clockid_t clock) {
        struct timespec ts;

        if (clock_gettime(clock, &ts) < 0)
                return 0;       /* only for a clock that does not exist */
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

usec_t now_monotonic(void) {
        return now(CLOCK_MONOTONIC);
}

usec_t now_boottime(void) {
        return now(CLOCK_BOOTTIME);
}

usec_t now_realtime(void) {
        return now(CLOCK_REALTIME);
}

/* The date and time with @separator between, seconds last. Returns the length, or 0 where the calendar does not reach. */
static size_t format_seconds(usec_t t, char separator, char *buf) {
        time_t seconds = (time_t) (t / USEC_PER_SEC);
        struct tm tm;
        int n;

        if (!gmtime_r(&seconds, &tm)) {
                buf[0] = '\0';
                return 0;
        }
        n = snprintf(buf, TIME_TEXT_MAX, "%04d-%02d-%02d%c%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                     separator, tm.tm_hour, tm.tm_min, tm.tm_sec);
        return n > 0 && n < TIME_TEXT_MAX ? (size_t) n : 0;
}

static char *format_micro(usec_t t, char separator, char *buf) {
        size_t n = format_seconds(t, separator, buf);

        (void) snprintf(buf + n, TIME_TEXT_MAX - n, ".%06u", (unsigned) (t % USEC_PER_SEC));
        return buf;
}

char *time_format_rpc(usec_t t, char *buf) {
        assert(buf);
        return format_micro(t, 'T', buf);
}

char *time_format_log(usec_t t, char *buf) {
        assert(buf);
        return format_micro(t, ' ', buf);
}

char *time_format_iso(usec_t t, char *buf) {
        assert(buf);
        size_t n = format_seconds(t, 'T', buf);
        (void) snprintf(buf + n, TIME_TEXT_MAX - n, "Z");
        return buf;
}

/* Reads exactly @digits decimal digits and moves *p behind them. -1 if there are fewer. */
static int take_number(const char **p, unsigned digits) {
        int n = 0;

        for (unsigned i = 0; i < digits; i++) {
                char c = (*p)[i];
                if (c < '0' || c > '9')
                        return -1;
                n = n * 10 + (c - '0');
        }
        *p += digits;
        return n;
}

static bool take_char(const char **p, char c) {
        if (**p != c)
                return false;
        (*p)++;
        return true;
}

static int days_of_month(int year, int month) {
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month - 1] + (month == 2 && leap);
}

/* Z, +hh, +hhmm, +hh:mm or nothing (UTC): how far the zone is east of UTC, in seconds. */
static int take_zone(const char **p, int *ret_east) {
        int sign, hours, minutes = 0;

        *ret_east = 0;
        if (**p == '\0' || take_char(p, 'Z'))
                return 0;
        if (**p != '+' && **p != '-')
                return -EINVAL;
        sign = **p == '-' ? -1 : 1;
        (*p)++;

        hours = take_number(p, 2);
        if (**p != '\0') {
                (void) take_char(p, ':');
                minutes = take_number(p, 2);
        }
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
                return -EINVAL;
        *ret_east = sign * (hours * 3600 + minutes * 60);
        return 0;
}

int time_parse(const char *text, usec_t *ret) {
        const char *p = text;
        struct tm tm = {};
        unsigned micro = 0;
        int year, east;
        time_t seconds;

        assert(ret);
        if (!text)
                return -EINVAL;

        year = take_number(&p, 4);
        if (year < 1970 || !take_char(&p, '-'))
                return -EINVAL;
        tm.tm_year = year - 1900;
        tm.tm_mon = take_number(&p, 2) - 1;
        if (tm.tm_mon < 0 || tm.tm_mon > 11 || !take_char(&p, '-'))
                return -EINVAL;
        tm.tm_mday = take_number(&p, 2);
        if (tm.tm_mday < 1 || tm.tm_mday > days_of_month(year, tm.tm_mon + 1))
                return -EINVAL;
        if (!take_char(&p, 'T') && !take_char(&p, ' '))
                return -EINVAL;
        tm.tm_hour = take_number(&p, 2);
        if (tm.tm_hour < 0 || tm.tm_hour > 23 || !take_char(&p, ':'))
                return -EINVAL;
        tm.tm_min = take_number(&p, 2);
        if (tm.tm_min < 0 || tm.tm_min > 59 || !take_char(&p, ':'))
                return -EINVAL;
        tm.tm_sec = take_number(&p, 2);
        if (tm.tm_sec < 0 || tm.tm_sec > 59)
                return -EINVAL;

        if (take_char(&p, '.')) {
                unsigned digits = 0, unit = 100000;

                /* Finer than we keep is cut off, as Python does. */
                for (; *p >= '0' && *p <= '9'; p++, digits++, unit /= 10)
                        micro += (unsigned) (*p - '0') * unit;
                if (digits == 0 || digits > 9)
                        return -EINVAL;
        }
        if (take_zone(&p, &east) < 0 || *p != '\0')
                return -EINVAL;

        seconds = timegm(&tm) - east;
        if (seconds < 0 || seconds > SECONDS_MAX)
                return -EINVAL;
        *ret = (usec_t) seconds * USEC_PER_SEC + micro;
        return 0;
}

usec_t backoff_delay(unsigned attempt, usec_t first, usec_t cap) {
        usec_t delay = first;
        uint64_t random = 0;

        for (; attempt > 0 && delay < cap; attempt--)
                delay = delay > cap / 2 ? cap : delay * 2;
        delay = MIN(delay, cap);

        /* Without randomness the delay is still right, only not spread. */
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
                random = 0;
        return delay + (delay >= 4 ? random % (delay / 4 + 1) : 0);
}
