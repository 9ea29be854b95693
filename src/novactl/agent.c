#include "novactl/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>

#define REGISTER_MSEC 10000

/* As a fallback it leaves the question to the dialog of a desktop, where the session has one. polkit forgets a fallback where there
 * is no session at all (after su, in a container): there it is the agent outright. */
static const char *agent_kind(void) {
        char *session = NULL;
        int r = sd_pid_get_session(0, &session);

        free(session);
        return r >= 0 ? "--fallback" : NULL;
}

/* This process has no threads, so fork it is: only a child can say that it wants to end with us. */
static void agent_exec(int notify, pid_t parent) {
        char number[16];
        sigset_t none;
        int null;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
                _exit(EXIT_FAILURE);
        /* it talks to the terminal, which it opens itself; standard output may be a file or the pager. And where it cannot register, that
         * is of no interest unless polkit says no, which is told then */
        null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (null >= 0) {
                (void) dup2(null, STDOUT_FILENO);
                (void) dup2(null, STDERR_FILENO);
        }
        notify = fcntl(notify, F_DUPFD, 3);             /* not close-on-exec */
        snprintf(number, sizeof number, "%d", notify);
        (void) execlp("pkttyagent", "pkttyagent", "--notify-fd", number, agent_kind(), (char *) NULL);
        _exit(EXIT_FAILURE);
}

void agent_open(Ctl *c) {
        struct pollfd wait;
        pid_t parent;
        int fds[2];

        if (c->agent != 0 || c->host || geteuid() == 0 || isatty(STDIN_FILENO) <= 0 || pipe2(fds, O_CLOEXEC) < 0)
                return;
        (void) fflush(NULL);
        parent = getpid();
        c->agent = fork();
        if (c->agent == 0)
                agent_exec(fds[1], parent);
        if (c->agent < 0)
                c->agent = 0;
        (void) close(fds[1]);
        /* it closes its end when it is registered, and so does its end */
        wait = (struct pollfd) { .fd = fds[0], .events = POLLIN };
        if (c->agent != 0)
                while (poll(&wait, 1, REGISTER_MSEC) < 0 && errno == EINTR)
                        ;
        (void) close(fds[0]);
}

void agent_close(Ctl *c) {
        if (c->agent == 0)
                return;
        (void) kill(c->agent, SIGTERM);
        (void) kill(c->agent, SIGCONT);
        while (waitpid(c->agent, NULL, 0) < 0 && errno == EINTR)
                ;
        c->agent = 0;
}
