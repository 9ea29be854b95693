/* Passwords in URLs: found, to be told to the log, or masked, to be shown. What is doubtful is taken for a password: the
 * options hold what people typed, and an unencoded slash or comma in a password must not make the rest of it visible. */
#include <stdio.h>

#include "config/config-internal.h"

static const char *last_at(const char *s, const char *end) {
        while (end > s)
                if (*--end == '@')
                        return end;
        return NULL;
}

/* "user:password@host" of one of several hosts. @more: parts with an @ follow, so that a part without one may be the
 * beginning of a password with a comma in it. Returns where the password begins, or NULL. */
static const char *find_password(const char *part, size_t n, bool more, size_t *ret_n) {
        const char *colon = memchr(part, ':', n), *at = last_at(part, part + n);

        if (!colon || (at && colon > at) || (!at && !more))
                return NULL;
        *ret_n = (size_t) ((at ? at : part + n) - colon) - 1;
        return colon + 1;
}

static int authority_passwords(const char *s, const char *end, int (*f)(const char *, size_t, void *), void *userdata) {
        while (s < end) {
                const char *comma = memchr(s, ',', (size_t) (end - s)), *stop = comma ? comma : end, *password;
                size_t n = 0;
                int r;

                password = find_password(s, (size_t) (stop - s), memchr(stop, '@', (size_t) (end - stop)), &n);
                if (password && n > 0) {
                        r = f(password, n, userdata);
                        if (r < 0)
                                return r;
                }
                s = comma ? comma + 1 : end;
        }
        return 0;
}

static bool is_secret_key(const char *key, size_t n) {
        static const char *const words[] = { "pass", "secret", "token" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                for (size_t k = 0; k + strlen(words[i]) <= n; k++)
                        if (strncasecmp(key + k, words[i], strlen(words[i])) == 0)
                                return true;
        return false;
}

/* "?a=b&password=c" */
static int query_passwords(const char *s, const char *end, int (*f)(const char *, size_t, void *), void *userdata) {
        while (s < end) {
                const char *next = memchr(s + 1, '&', (size_t) (end - s - 1)), *stop = next ? next : end;
                const char *equals = memchr(s, '=', (size_t) (stop - s));
                int r;

                if (equals && stop > equals + 1 && is_secret_key(s, (size_t) (equals - s))) {
                        r = f(equals + 1, (size_t) (stop - equals) - 1, userdata);
                        if (r < 0)
                                return r;
                }
                s = stop;
        }
        return 0;
}

static int word_passwords(const char *s, const char *end, int (*f)(const char *, size_t, void *), void *userdata) {
        const char *path, *at, *colon, *query;
        int r;

        s = memmem(s, (size_t) (end - s), "://", 3);
        if (!s)
                return 0;
        s += 3;

        for (path = s; path < end && !strchr("/?#", *path); path++)
                ;
        at = last_at(s, end);
        colon = at ? memchr(s, ':', (size_t) (at - s)) : NULL;
        if (at && at > path && colon && at > colon + 1) {
                /* An @ beyond the host: perhaps a password with a slash in it. */
                r = f(colon + 1, (size_t) (at - colon) - 1, userdata);
                if (r < 0)
                        return r;
                for (s = path = at + 1; path < end && !strchr("/?#", *path); path++)
                        ;
        }

        r = authority_passwords(s, path, f, userdata);
        query = memchr(path, '?', (size_t) (end - path));
        return r < 0 || !query ? r : query_passwords(query, end, f, userdata);
}

#define BLANKS " \t\n\r\v\f"

static bool begins_url(const char *s) {
        const char *p = s;

        while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '+' || *p == '-' || *p == '.')
                p++;
        return p > s && startswith(p, "://");
}

/* Where the word at @text ends. A URL ends no sooner than the last @ before the next URL, if there is a colon between: a name
 * or a password may have been typed with a blank in it. */
static const char *word_end(const char *text) {
        const char *end = text + strcspn(text, BLANKS), *next = end;
        const char *scheme = memmem(text, (size_t) (end - text), "://", 3);

        if (!scheme)
                return end;
        while (*next) {
                const char *word = next + strspn(next, BLANKS);

                next = word + strcspn(word, BLANKS);
                if (begins_url(word))
                        break;
                if (memchr(word, '@', (size_t) (next - word)) && memchr(scheme + 3, ':', (size_t) (next - scheme - 3)))
                        end = next;
        }
        return end;
}

int url_passwords(const char *text, int (*f)(const char *password, size_t n, void *userdata), void *userdata) {
        /* Each word by itself: a list of URLs, a sentence with one in it. */
        while (*text) {
                const char *end = word_end(text);
                int r = word_passwords(text, end, f, userdata);

                if (r < 0)
                        return r;
                text = end + strspn(end, BLANKS);
        }
        return 0;
}

typedef struct Masking {
        FILE *f;
        const char *done;               /* written up to here */
} Masking;

static int mask_password(const char *password, size_t n, void *userdata) {
        Masking *m = userdata;

        fwrite(m->done, 1, (size_t) (password - m->done), m->f);
        fputs("***", m->f);
        m->done = password + n;
        return 0;
}

char *mask_url(const char *text) {
        Masking m = { .done = text };
        char *masked = NULL;
        size_t size;

        m.f = open_memstream(&masked, &size);
        if (!m.f)
                return NULL;
        (void) url_passwords(text, mask_password, &m);
        fputs(m.done, m.f);
        if (ferror(m.f) | fclose(m.f)) {
                free(masked);
                return NULL;
        }
        return masked;
}
