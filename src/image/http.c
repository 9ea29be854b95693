/* Images from web servers, by libcurl. What comes goes straight to the sink, so memory does not depend on the image. A
 * transfer that breaks is taken up again where it broke, with a Range, as long as the server still has the same thing: by its
 * ETag or its date, and by the length it said. See private.h. */
#define LOG_LOGGER "nova.image"
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "image/private.h"

#define FIRST_PAUSE (USEC_PER_SEC / 4)
#define LONGEST_PAUSE (8 * USEC_PER_SEC)
#define SLOWEST 1024L                   /* bytes a second below which it is taken for stalled */
#define VALIDATOR_MAX 256
#define NO_LENGTH (-1)

/* What the headers of one response said. */
typedef struct Response {
        long status;
        int64_t length;                 /* Content-Length; NO_LENGTH */
        int64_t from, total;            /* Content-Range; NO_LENGTH */
        char etag[VALIDATOR_MAX], date[VALIDATOR_MAX];
} Response;

typedef struct Transfer {
        const char *id;
        ImageSink *k;                   /* NULL: only asked for */
        Response response;
        bool begun;                     /* its body was judged */
        char validator[VALIDATOR_MAX];  /* of what is in the sink; "" = none */
        uint64_t skip;                  /* of a body that comes from its beginning again */
        bool changed;                   /* the server has something else now */
        int r;                          /* our own failure, with *e; 1: the body is not ours */
        uint64_t expected;              /* bytes by the image's metadata; 0 = not known */
        NovaException *e;
        CURL *curl;
} Transfer;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void initialise(void) {
        (void) curl_global_init(CURL_GLOBAL_DEFAULT);
}

static const char *value_after(const char *line, size_t n, const char *name, char *value, size_t size) {
        size_t m = strlen(name);

        if (n <= m || strncasecmp(line, name, m) != 0)
                return NULL;
        for (line += m, n -= m; n > 0 && (*line == ' ' || *line == '\t'); line++, n--)
                ;
        while (n > 0 && strchr("\r\n \t", line[n - 1]))
                n--;
        if (n >= size)          /* too long to be of use */
                return NULL;
        memcpy(value, line, n);
        value[n] = '\0';
        return value;
}

static size_t on_header(char *line, size_t one, size_t n, void *userdata) {
        Transfer *t = userdata;
        Response *h = &t->response;
        char value[VALIDATOR_MAX];
        long long from, to, total;

        if (n > 5 && strncmp(line, "HTTP/", 5) == 0) {          /* of each response, redirects too */
                *h = (Response){.length = NO_LENGTH, .from = NO_LENGTH, .total = NO_LENGTH};
                t->begun = false;
        } else if (value_after(line, n, "ETag:", value, sizeof value)) {
                if (!startswith(value, "W/"))                   /* a weak one does not promise the same bytes */
                        strcpy(h->etag, value);
        } else if (value_after(line, n, "Last-Modified:", value, sizeof value))
                strcpy(h->date, value);
        else if (value_after(line, n, "Content-Length:", value, sizeof value)) {
                if (sscanf(value, "%lld", &total) == 1 && total >= 0)
                        h->length = total;
        } else if (value_after(line, n, "Content-Range:", value, sizeof value) &&
                   sscanf(value, "bytes %lld-%lld/%lld", &from, &to, &total) == 3 && from >= 0 && to >= from && total > to) {
                h->from = from;
                h->total = total;
        }
        return n;
}

/* The length of the whole thing against what is known of it and what we take. */
static int judge_length(Transfer *t, int64_t length) {
        ImageSink *k = t->k;

        if (length == NO_LENGTH)
                return 0;
        if ((uint64_t) length > k->max)
                return image_unacceptable(t->id, t->e, "it has %lld bytes, and at most %llu are taken", (long long) length, (unsigned long long) k->max);
        if (k->total > 0 && (uint64_t) length != k->total)
                return image_unacceptable(t->id, t->e, "the server says that it has %lld bytes, and it should have %llu", (long long) length,
                                          (unsigned long long) k->total);
        k->total = (uint64_t) length;
        return 0;
}

/* At the first byte of a body: what it is a part of. 0; 1 when it is no body of ours (that of an error). */
static int begin(Transfer *t) {
        const Response *h = &t->response;
        const char *validator = *h->etag ? h->etag : h->date;

        if (h->status == 206 && t->k->done > 0) {
                if (h->from != (int64_t) t->k->done || (t->k->total > 0 && h->total != (int64_t) t->k->total) ||
                    (*t->validator && *validator && !streq(t->validator, validator))) {
                        t->changed = true;
                        return 1;
                }
                return judge_length(t, h->total);
        }
        if (h->status != 200)
                return 1;
        if (t->k->done > 0) {                   /* from the beginning */
                if (!*t->validator || !streq(t->validator, validator)) {
                        t->changed = true;
                        return 1;
                }
                t->skip = t->k->done;
        }
        (void) snprintf(t->validator, sizeof t->validator, "%s", validator);
        return judge_length(t, h->length);
}

static size_t on_body(char *data, size_t one, size_t n, void *userdata) {
        Transfer *t = userdata;
        size_t taken = n, skipped;

        if (!t->begun) {
                (void) curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->response.status);
                t->begun = true;
                t->r = begin(t);
        }
        if (t->r > 0)           /* the text of an error, of whatever length, or not what we had: not read */
                return 0;
        skipped = (size_t) MIN(t->skip, (uint64_t) n);
        t->skip -= skipped;
        if (t->r >= 0 && n > skipped)
                t->r = image_sink_write(t->k, data + skipped, n - skipped, t->e);
        return t->r < 0 ? 0 : taken;
}

static int on_tick(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
        Transfer *t = userdata;
        const ImageProgress *p = t->k ? t->k->progress : NULL;

        if (t->r >= 0 && p && p->cancelled && p->cancelled(p->userdata))
                t->r = exception_set_errno(t->e, -ECANCELED, "Fetching an image");
        return t->r < 0;
}

/* Whether another try may help. */
static bool may_pass(CURLcode code, long status) {
        switch (code) {
        case CURLE_OK:
                return status == 408 || status == 425 || status == 429 || status >= 500;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_CONNECT:
        case CURLE_PARTIAL_FILE:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
                return true;
        default:
                return false;
        }
}

static CURL *make_handle(const ImageService *s, const char *url, Transfer *t, char error[static CURL_ERROR_SIZE]) {
        bool secure = strncasecmp(url, "https:", 6) == 0;
        CURL *c;

        (void) pthread_once(&once, initialise);
        c = curl_easy_init();
        if (!c)
                return NULL;
        (void) curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
        (void) curl_easy_setopt(c, CURLOPT_USERAGENT, "nova-compute");
        (void) curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
        (void) curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
        (void) curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
        (void) curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long) s->redirects);
        (void) curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long) s->connect_timeout);
        (void) curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOWEST);
        (void) curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long) s->stall_timeout);
        (void) curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
        (void) curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
        if (s->ca_file)
                (void) curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
        (void) curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
        (void) curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
        (void) curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
        (void) curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
        (void) curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
        (void) curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_tick);
        (void) curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
        /* The memory for it may not be there: what is set last fails too, and that is looked at. */
        if (curl_easy_setopt(c, CURLOPT_URL, url) != CURLE_OK) {
                curl_easy_cleanup(c);
                return NULL;
        }
        t->curl = c;
        return c;
}

/* What a status other than the ones we want means. */
static int refuse_status(const char *id, long status, NovaException *e) {
        if (status == 404 || status == 410)
                return image_not_found(id, e);
        if (status == 401 || status == 403) {
                bool ours = !exception_is_set(e);
                int r = exception_setf(e, EXC_IMAGE_NOT_AUTHORIZED, "Not authorized for image %.200s.", id);

                if (ours)
                        exception_kwarg(e, "image_id", json_sprintf("%.200s", id));
                return r;
        }
        if (status == 204)
                return image_unacceptable(id, e, "it has no data");
        return image_could_not_fetch(id, e, -EIO, "the server answered with status %ld", status);
}

/* Not longer than the cancelling of it. */
static int pause_before(const ImageSink *k, unsigned attempt) {
        usec_t until = now_monotonic() + backoff_delay(attempt, FIRST_PAUSE, LONGEST_PAUSE);

        while (now_monotonic() < until) {
                if (k->progress && k->progress->cancelled && k->progress->cancelled(k->progress->userdata))
                        return -ECANCELED;
                (void) usleep(50 * 1000);
        }
        return 0;
}

/* One request. 0: all is there; -EAGAIN: another may help; other failures with @e. *why: what went wrong. */
static int attempt(const ImageService *s, const char *url, Transfer *t, char *why, size_t why_size) {
        char error[CURL_ERROR_SIZE] = "", range[32], condition[VALIDATOR_MAX + 16];
        struct curl_slist *headers = NULL;
        CURLcode code;
        long status = 0;
        CURL *c;

        t->begun = t->changed = false;
        t->skip = 0;
        t->r = 0;
        c = make_handle(s, url, t, error);
        if (!c)
                return exception_set_errno(t->e, -ENOMEM, "Fetching an image");
        if (t->k->done > 0) {
                (void) snprintf(range, sizeof range, "%llu-", (unsigned long long) t->k->done);
                (void) curl_easy_setopt(c, CURLOPT_RANGE, range);
                if (*t->validator) {
                        (void) snprintf(condition, sizeof condition, "If-Range: %s", t->validator);
                        headers = curl_slist_append(NULL, condition);
                        (void) curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
                }
        }
        code = curl_easy_perform(c);
        (void) curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        curl_slist_free_all(headers);
        curl_easy_cleanup(c);
        t->curl = NULL;

        if (t->r < 0)
                return t->r;
        if (t->k->total > 0 && t->k->done == t->k->total && t->skip == 0)      /* whatever happened then */
                return 0;
        if (t->changed || (status == 416 && t->k->done > 0)) {
                (void) snprintf(why, why_size, "the server has another image there now");
                *t->validator = '\0';
                t->k->total = t->expected;
                return image_sink_restart(t->k, t->e) ?: -EAGAIN;
        }
        if (t->r > 0)           /* the answer is its status */
                code = CURLE_OK;
        if (code == CURLE_OK && (status == 200 || status == 206)) {
                if (t->skip == 0 && t->k->total == 0)
                        return 0;
                code = CURLE_PARTIAL_FILE;
        }
        (void) snprintf(why, why_size, "%s", *error ? error : curl_easy_strerror(code));
        if (may_pass(code, status)) {
                if (code == CURLE_OK)
                        (void) snprintf(why, why_size, "the server answered with status %ld", status);
                return -EAGAIN;
        }
        if (code == CURLE_OK)
                return refuse_status(t->id, status, t->e);
        return image_could_not_fetch(t->id, t->e, -EIO, "%s", why);
}

int image_http_fetch(const ImageService *s, const char *id, const char *url, ImageSink *k, NovaException *e) {
        Transfer t = {.id = id, .k = k, .e = e, .expected = k->total};
        char why[CURL_ERROR_SIZE] = "";

        for (unsigned n = 0;; n++) {
                int r = attempt(s, url, &t, why, sizeof why);

                if (r != -EAGAIN)
                        return r;
                if (n >= s->retries)
                        return image_could_not_fetch(id, e, -EIO, "%s, after %u tries", why, n + 1);
                log_warning("Image %.200s: %s; it goes on at byte %llu", id, why, (unsigned long long) k->done);
                if (pause_before(k, n) < 0)
                        return exception_set_errno(e, -ECANCELED, "Fetching an image");
        }
}

int image_http_size(const ImageService *s, const char *id, const char *url, uint64_t *ret, NovaException *e) {
        Transfer t = {.id = id, .e = e};
        char error[CURL_ERROR_SIZE] = "";
        CURL *c = make_handle(s, url, &t, error);
        curl_off_t length = -1;
        CURLcode code;
        long status = 0;

        if (!c)
                return exception_set_errno(e, -ENOMEM, "Asking for an image");
        (void) curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        (void) curl_easy_setopt(c, CURLOPT_TIMEOUT, (long) s->connect_timeout + (long) s->stall_timeout);
        code = curl_easy_perform(c);
        (void) curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(c, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        curl_easy_cleanup(c);
        if (code != CURLE_OK)
                return image_could_not_fetch(id, e, -EIO, "%s", *error ? error : curl_easy_strerror(code));
        if (status != 200)
                return refuse_status(id, status, e);
        *ret = length > 0 ? (uint64_t) length : 0;
        return 0;
}
