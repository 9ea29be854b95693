/* Options of the log: those of nova.log in Essex and of oslo.log today. */
#include "config/options.h"

const Option options_log[] = {
#define GROUP NULL
        BOOLEAN("debug", "false", "Log at DEBUG.", RELOADABLE),
        BOOLEAN("verbose", "false", "Log at DEBUG in Essex, at INFO later, which is so anyway; see debug.", ACCEPTED),
        STRING("log_file", NULL, "File to log to, in log_dir if that is set.", NAMES("logfile")),
        STRING("log_dir", NULL, "Directory of the log file; alone: <program>.log in it.", NAMES("logdir")),
        STRING("logfile_mode", "0644", "Permissions of the log file, octal."),
        BOOLEAN("watch_log_file", "false", "Open the log file anew when it was moved; always so here.", ACCEPTED),
        BOOLEAN("use_syslog", "false", "Log to syslog too."),
        STRING("syslog_log_facility", "LOG_USER", "Facility of lines in syslog: LOG_USER or user, LOG_DAEMON, LOG_LOCAL0, …"),
        BOOLEAN("use_journal", "false", "Log to the journal with fields. Done anyway when started by systemd."),
        BOOLEAN("use_stderr", "false", "Log to standard error too when there is a log file."),
        BOOLEAN("use_json", "false", "Format lines as JSON; the journal's fields are better.", ACCEPTED),
        BOOLEAN("use_eventlog", "false", "Log to the event log of another system.", ACCEPTED),
        STRING("log_config_append", NULL, "File for Python's logging module, which we do not have.", ACCEPTED, NAMES("log_config")),
        STRING("log_format", NULL, "Former format of lines; without effect in Essex too. See logging_default_format_string.", ACCEPTED),
        STRING("log_date_format", "%Y-%m-%d %H:%M:%S", "strftime format of the time in lines for files and terminals."),
        STRING("logging_context_format_string", NULL, "Format of a line about a request, as in %(asctime)s %(levelname)s %(name)s "
               "[%(request_id)s] %(instance)s%(message)s; unset: built in."),
        STRING("logging_default_format_string", NULL, "Format of a line about no request; unset: built in."),
        STRING("logging_debug_format_suffix", NULL, "What follows a line at DEBUG; unset: built in."),
        STRING("logging_exception_prefix", NULL, "What begins each line of a Python traceback; we have none.", ACCEPTED),
        STRING("logging_user_identity_format", "%(user)s %(project)s %(domain)s %(user_domain)s %(project_domain)s",
               "What %(user_identity)s stands for; fixed here.", ACCEPTED),
        STRING("instance_format", "[instance: %(uuid)s] ", "What %(instance)s stands for in a line about an instance."),
        STRING("instance_uuid_format", "[instance: %(uuid)s] ", "The same where only the uuid is known, as it always is "
               "here: instance_format serves both.",
                ACCEPTED),
        LIST("default_log_levels",
             "amqp=WARN, amqplib=WARN, boto=WARN, qpid=WARN, sqlalchemy=WARN, suds=INFO, oslo.messaging=INFO, oslo_messaging=INFO, "
             "iso8601=WARN, requests.packages.urllib3.connectionpool=WARN, urllib3.connectionpool=WARN, websocket=WARN, "
             "requests.packages.urllib3.util.retry=WARN, urllib3.util.retry=WARN, keystonemiddleware=WARN, "
             "routes.middleware=WARN, stevedore=WARN, taskflow=WARN, keystoneauth=WARN, oslo.cache=INFO, "
             "oslo_policy=INFO, dogpile.core.dogpile=INFO, glanceclient=WARN, oslo.privsep.daemon=INFO",
             "logger=LEVEL pairs: the lowest level written of each.", RELOADABLE),
        BOOLEAN("publish_errors", "false", "Send a notification for each line at ERROR."),
        BOOLEAN("fatal_deprecations", "false", "Make the use of deprecated things an error.", ACCEPTED),
        BOOLEAN("fatal_exception_format_errors", "false", "Make a bad exception text an error; for the tests of the original.", ACCEPTED),
        INTEGER("rate_limit_interval", "0", "Seconds over which rate_limit_burst counts; journald limits better.", ACCEPTED),
        INTEGER("rate_limit_burst", "0", "Lines allowed per interval; journald limits better.", ACCEPTED),
        STRING("rate_limit_except_level", "CRITICAL", "Level that is never limited.", ACCEPTED),
        STRING("log_rotation_type", "none", "How the service itself rotates its log; logrotate does that.", ACCEPTED),
        INTEGER("log_rotate_interval", "1", "See log_rotation_type.", ACCEPTED),
        STRING("log_rotate_interval_type", "days", "See log_rotation_type.", ACCEPTED),
        INTEGER("max_logfile_count", "30", "See log_rotation_type.", ACCEPTED),
        INTEGER("max_logfile_size_mb", "200", "See log_rotation_type.", ACCEPTED),
#undef GROUP
};
const size_t n_options_log = ELEMENTSOF(options_log);
