/* nova-compute: the service that turns this machine into a compute host. The start reads like the original's: default
 * flag file, flags, logging, monkey patch, Service.create, serve, wait. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/path-util.h"
#include "compute/dry-run.h"
#include "compute/hooks.h"
#include "config.h"
#include "daemon.h"

static int say(const char *program, const char *what) {
        fprintf(stderr, "%s: %s\n", program, what);
        return EX_CONFIG;
}

/* 0 to 2 are open, whatever we were started with: else lines of the log would go to whatever gets these numbers. */
static void hold_standard_descriptors(void) {
        int fd;

        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd >= 0)
                (void) close(fd);
}

int main(int argc, char **argv) {
        _cleanup_(strv_freep) char **args = NULL;
        _cleanup_(config_unrefp) Config *config = NULL;
        _cleanup_(daemon_freep) Daemon *daemon = NULL;
        _cleanup_free_ char *directory = NULL;
        _cleanup_exception_ NovaException failure = NOVA_EXCEPTION_NULL;
        const char *program = argc > 0 ? path_basename(argv[0]) : "nova-compute";
        ConfigError error = {};
        _cleanup_(hooks_freep) Hooks *hooks = NULL;
        Service *server = NULL;
        int r, inserted;

        /* Workers come and go: what each frees is for the others, not kept for it. With a thousand instances that is half. */
        (void) mallopt(M_ARENA_MAX, 2);
        /* A fixed threshold: one large message would otherwise have the library keep many times its size from then on. */
        (void) mallopt(M_TRIM_THRESHOLD, 128 * 1024);
        hold_standard_descriptors();
        r = executable_directory(&directory);
        if (r >= 0)
                r = inserted = default_flagfile(NULL, directory, argv, false, &args);
        if (r < 0)
                return say(program, "out of memory");

        r = config_load(args, &config, NULL, &error);
        if (r < 0)
                return say(program, error.text);
        switch (config_action(config)) {
        case CONFIG_HELP:
                config_print_help(stdout, program);
                return 0;
        case CONFIG_VERSION:
                printf("%s %s\n", program, PACKAGE_VERSION);
                return 0;
        case CONFIG_SHOW:
                config_print(config, stdout);
                return 0;
        case CONFIG_RECOVER_DRY_RUN:
                (void) daemon_setup_logging(config, program, &error);
                r = compute_recover_dry_run(config, program, stdout, &failure);
                if (r < 0)
                        fprintf(stderr, "%s: %s\n", program, failure.message ? failure.message : strerror(-r));
                return r < 0 ? EXIT_FAILURE : 0;
        case CONFIG_RUN:
                break;
        }

        r = daemon_setup_logging(config, program, &error);
        if (r < 0) {
                log_event(LOG_LEVEL_CRITICAL, MESSAGE_CONFIG_INVALID, NULL, "%s", error.text);
                return EX_CONFIG;
        }

        /* Each stage of the start is traced; those before there is a log, here. */
        log_debug("Stage default_flagfile: %s", inserted > 0 ? args[1] : "none inserted");
        log_debug("Stage flags: options read");
        log_debug("Stage logging: sinks open");

        log_debug("Stage monkey_patch");
        r = hooks_new(&hooks, config, &failure);        /* wrong entries end the start here */
        if (r >= 0)
                r = daemon_new(&daemon, config, &failure);
        if (r >= 0) {
                log_debug("Stage Service.create: %s", program);
                r = daemon_create_service(daemon, program, &server, &failure);
        }
        if (r >= 0) {
                log_debug("Stage serve");
                r = daemon_serve(daemon, server);
        }
        if (r < 0) {
                log_critical("%s", failure.message ? failure.message : strerror(-r));
                return r == -EINVAL ? EX_CONFIG : EXIT_FAILURE;         /* a restart would not help the former */
        }
        log_debug("Stage wait");
        return daemon_wait(daemon);
}
