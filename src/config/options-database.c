/* Options of our own database, and of others' that we leave alone. */
#include "config/options.h"

const Option options_database[] = {
#define GROUP NULL
        STRING("sql_connection", "sqlite:///$state_path/$sqlite_db", "Our database: sqlite:///relative or sqlite:////absolute path, "
               "?timeout=SECONDS to wait for others' locks (5). "
               "[database] connection is not this one: that is the cell's."),
        STRING("sqlite_db", "nova.sqlite", "Name of the database file in state_path."),
        BOOLEAN("sqlite_synchronous", "true", "Wait for the disk at each commit; false may lose what was accepted.",
                NAMES("database.sqlite_synchronous")),
        BOOLEAN("request_journal", "true", "Write each request that changes something to the journal before it is acknowledged, so "
                "that none is lost or run twice. false only to measure what that costs: what came by RPC is then acknowledged when it has "
                "ended, so that one under way when the daemon is killed comes again and may run twice; what D-Bus asked for and had not "
                "begun is forgotten, a build fails."),
        STRING("journal_path", NULL, "The journal's file; unset: beside that of sql_connection, nova-journal.sqlite."),
        INTEGER("journal_keep_seconds", "259200", "Seconds for which requests that have ended are remembered, to know repeats; 0: "
                "bounded by journal_keep_requests only.", AT_LEAST(0)),
        INTEGER("journal_keep_requests", "100000", "How many are remembered at most; 0: bounded by journal_keep_seconds only.",
                AT_LEAST(0)),
        INTEGER("max_accepted_requests", "1000", "Requests that are accepted and have not ended, at most; more wait with the broker. "
                "0: any number.", AT_LEAST(0)),
        INTEGER("sql_max_retries", "10", "Tries to open the database at start before it is told; the service goes on trying. "
                "-1: without telling.", AT_LEAST(-1), ACCEPTED),
        INTEGER("sql_retry_interval", "10", "Seconds between tries to open the database; ours grow from one to sixty.", AT_LEAST(1),
                ACCEPTED),
        INTEGER("sql_idle_timeout", "3600", "Seconds after which an idle connection is closed; a file needs none.", ACCEPTED),
        INTEGER("sql_connection_debug", "0", "50 writes statements, 100 everything, to the log at DEBUG.", RANGE(0, 100)),
        BOOLEAN("sql_connection_trace", "false", "Write where a statement comes from.", ACCEPTED),
        STRING("db_backend", "sqlalchemy", "Library of the Python service.", ACCEPTED),
        STRING("db_driver", "nova.db", "Module of the Python service.", ACCEPTED),
#undef GROUP

#define GROUP "database"
        STRING("connection", NULL, "Database of the cell, which only its conductor opens. Ours is sql_connection.", ACCEPTED),
        STRING("slave_connection", NULL, "Read-only copy of the cell's database.", ACCEPTED),
        STRING("backend", "sqlalchemy", "Library of the Python service.", ACCEPTED),
        INTEGER("max_retries", "10", "Tries to reach the cell's database.", ACCEPTED),
        INTEGER("retry_interval", "10", "Seconds between them.", ACCEPTED),
        INTEGER("connection_recycle_time", "3600", "Seconds a connection to it is kept.", ACCEPTED),
        INTEGER("max_pool_size", "5", "Connections to it.", ACCEPTED),
        INTEGER("max_overflow", "50", "More connections to it.", ACCEPTED),
#undef GROUP

#define GROUP "api_database"
        STRING("connection", NULL, "Database of the API, which compute never opens.", ACCEPTED),
        STRING("slave_connection", NULL, "Read-only copy of the API's database.", ACCEPTED),
#undef GROUP
};
const size_t n_options_database = ELEMENTSOF(options_database);
