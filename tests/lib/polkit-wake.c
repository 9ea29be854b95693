/* Laid under polkitd in the sandbox: a wait for a condition with a deadline wakes up every 50 ms, which POSIX lets any wait do.
 *
 * polkit 122, Debian 12's, has a rule run in a thread that signals the condition without holding its mutex. A thread that is
 * quicker than the wait for it is not heard, and polkitd stands still until it takes the rule for a runaway, 15 s later; the answer
 * it gives then is right. Newer releases hold the mutex. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#define WAKE_NSEC 50000000L
#define SEC_NSEC 1000000000L

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *deadline) {
        static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
        struct timespec soon;
        int r;

        if (!real)
                real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *)) dlsym(RTLD_NEXT, "pthread_cond_timedwait");
        /* the clock that polkitd's conditions are bound to */
        (void) clock_gettime(CLOCK_MONOTONIC, &soon);
        soon.tv_nsec += WAKE_NSEC;
        soon.tv_sec += soon.tv_nsec / SEC_NSEC;
        soon.tv_nsec %= SEC_NSEC;
        if (soon.tv_sec > deadline->tv_sec || (soon.tv_sec == deadline->tv_sec && soon.tv_nsec >= deadline->tv_nsec))
                return real(cond, mutex, deadline);
        r = real(cond, mutex, &soon);
        return r == ETIMEDOUT ? 0 : r;
}
