/* The steps of the schema, append-only: a released step is never changed, user_version counts those that were made.
 *
 * Names of tables and columns are Nova's of Essex where it had them, today's for what came later, so that an operator
 * finds with sqlite3 what he knows. Times are UTC texts "YYYY-MM-DD HH:MM:SS.ffffff", as SQLAlchemy writes them into
 * SQLite: they sort, and SQLite's own date functions read them. A deleted row stays, with deleted = 1; unique keys hold
 * among rows that are not deleted. */
#include "db/schema.h"

#include "basic/macros.h"

#define BOOKKEEPING                                                     \
        "  created_at TEXT NOT NULL,"                                   \
        "  updated_at TEXT,"                                            \
        "  deleted_at TEXT,"                                            \
        "  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))"

const char *const schema_migrations[] = {
        /* 1: the host: who reports, what it has, which instances it knows. */
        "CREATE TABLE services ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  uuid TEXT NOT NULL UNIQUE,"
        "  host TEXT NOT NULL,"
        "  binary TEXT NOT NULL,"
        "  topic TEXT,"
        "  report_count INTEGER NOT NULL DEFAULT 0,"
        "  disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),"
        "  disabled_reason TEXT,"
        "  forced_down INTEGER NOT NULL DEFAULT 0 CHECK (forced_down IN (0, 1)),"
        "  availability_zone TEXT,"
        "  version INTEGER NOT NULL DEFAULT 0,"
        "  last_seen_up TEXT,"
        BOOKKEEPING
        ") STRICT;"
        "CREATE UNIQUE INDEX services_host_binary ON services (host, binary) WHERE deleted = 0;"

        "CREATE TABLE compute_nodes ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  uuid TEXT NOT NULL UNIQUE,"
        "  service_id INTEGER REFERENCES services (id),"
        "  host TEXT NOT NULL,"
        "  hypervisor_hostname TEXT NOT NULL,"
        "  hypervisor_type TEXT,"
        "  hypervisor_version INTEGER NOT NULL DEFAULT 0,"
        "  vcpus INTEGER NOT NULL,"
        "  memory_mb INTEGER NOT NULL,"
        "  local_gb INTEGER NOT NULL,"
        "  vcpus_used INTEGER NOT NULL,"
        "  memory_mb_used INTEGER NOT NULL,"
        "  local_gb_used INTEGER NOT NULL,"
        "  free_ram_mb INTEGER,"
        "  free_disk_gb INTEGER,"
        "  current_workload INTEGER,"
        "  running_vms INTEGER,"
        "  disk_available_least INTEGER,"
        "  cpu_info TEXT,"
        "  host_ip TEXT,"
        "  numa_topology TEXT,"
        "  supported_hv_specs TEXT,"
        "  stats TEXT,"
        "  pci_device_pools TEXT,"
        "  metrics TEXT,"
        "  cpu_allocation_ratio REAL NOT NULL DEFAULT 0,"
        "  ram_allocation_ratio REAL NOT NULL DEFAULT 0,"
        "  disk_allocation_ratio REAL NOT NULL DEFAULT 0,"
        BOOKKEEPING
        ") STRICT;"
        "CREATE UNIQUE INDEX compute_nodes_host_node ON compute_nodes (host, hypervisor_hostname) WHERE deleted = 0;"
        "CREATE INDEX compute_nodes_service ON compute_nodes (service_id);"

        /* id is Nova's number of the instance, which the domain's name may be made of; an instance that was deleted here
         * may come again with the same one, so the row has a key of its own. */
        "CREATE TABLE instances ("
        "  row INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  id INTEGER NOT NULL,"
        "  uuid TEXT NOT NULL,"
        "  name TEXT,"
        "  display_name TEXT,"
        "  hostname TEXT,"
        "  host TEXT,"
        "  node TEXT,"
        "  launched_on TEXT,"
        "  user_id TEXT,"
        "  project_id TEXT,"
        "  image_ref TEXT,"
        "  os_type TEXT,"
        "  availability_zone TEXT,"
        "  vm_state TEXT,"
        "  task_state TEXT,"
        "  power_state INTEGER,"
        "  instance_type_id INTEGER,"
        "  instance_type_name TEXT,"
        "  memory_mb INTEGER NOT NULL DEFAULT 0,"
        "  vcpus INTEGER NOT NULL DEFAULT 0,"
        "  root_gb INTEGER NOT NULL DEFAULT 0,"
        "  ephemeral_gb INTEGER NOT NULL DEFAULT 0,"
        "  swap_mb INTEGER NOT NULL DEFAULT 0,"
        "  locked INTEGER NOT NULL DEFAULT 0 CHECK (locked IN (0, 1)),"
        "  volume_backed INTEGER NOT NULL DEFAULT 0 CHECK (volume_backed IN (0, 1)),"
        "  cleaned INTEGER NOT NULL DEFAULT 0 CHECK (cleaned IN (0, 1)),"
        "  network_info TEXT,"
        "  object TEXT,"
        "  launched_at TEXT,"
        "  terminated_at TEXT,"
        BOOKKEEPING
        ") STRICT;"
        "CREATE UNIQUE INDEX instances_uuid ON instances (uuid) WHERE deleted = 0;"
        "CREATE UNIQUE INDEX instances_id ON instances (id) WHERE deleted = 0;"
        "CREATE INDEX instances_uuid_any ON instances (uuid);"
        "CREATE INDEX instances_host ON instances (host, deleted);"

        "CREATE TABLE instance_faults ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  instance_uuid TEXT NOT NULL,"
        "  host TEXT,"
        "  code INTEGER NOT NULL,"
        "  message TEXT,"
        "  details TEXT,"
        BOOKKEEPING
        ") STRICT;"
        "CREATE INDEX instance_faults_instance ON instance_faults (instance_uuid, id);"

        "CREATE TABLE bw_usage_cache ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  mac TEXT NOT NULL,"
        "  start_period TEXT NOT NULL,"
        "  last_refreshed TEXT,"
        "  bw_in INTEGER NOT NULL DEFAULT 0,"
        "  bw_out INTEGER NOT NULL DEFAULT 0,"
        BOOKKEEPING
        ") STRICT;"
        "CREATE UNIQUE INDEX bw_usage_cache_mac ON bw_usage_cache (mac, start_period) WHERE deleted = 0;"

        "CREATE TABLE settings ("
        "  name TEXT PRIMARY KEY,"
        "  value TEXT NOT NULL,"
        "  updated_at TEXT NOT NULL"
        ") STRICT, WITHOUT ROWID;",

        /* Who may see a console. Rows that have expired say nothing any more: they are removed. */
        "CREATE TABLE console_auth_tokens ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  token_hash TEXT NOT NULL UNIQUE,"
        "  console_type TEXT NOT NULL,"
        "  host TEXT NOT NULL,"
        "  port INTEGER NOT NULL,"
        "  internal_access_path TEXT,"
        "  instance_uuid TEXT NOT NULL,"
        "  access_url_base TEXT,"
        "  expires TEXT NOT NULL,"
        "  created_at TEXT NOT NULL"
        ") STRICT;"
        "CREATE INDEX console_auth_tokens_instance ON console_auth_tokens (instance_uuid);"
        "CREATE INDEX console_auth_tokens_expires ON console_auth_tokens (expires);",

        /* What users asked for and what came of it. A request has one action, of which each service's part is an event. */
        "CREATE TABLE instance_actions ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  action TEXT NOT NULL,"
        "  instance_uuid TEXT NOT NULL,"
        "  request_id TEXT,"
        "  user_id TEXT,"
        "  project_id TEXT,"
        "  start_time TEXT,"
        "  finish_time TEXT,"
        "  message TEXT,"
        BOOKKEEPING
        ") STRICT;"
        "CREATE INDEX instance_actions_request ON instance_actions (instance_uuid, request_id);"
        "CREATE TABLE instance_actions_events ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  action_id INTEGER NOT NULL REFERENCES instance_actions (id),"
        "  event TEXT NOT NULL,"
        "  start_time TEXT,"
        "  finish_time TEXT,"
        "  result TEXT,"
        "  traceback TEXT,"
        "  host TEXT,"
        "  details TEXT,"
        BOOKKEEPING
        ") STRICT;"
        "CREATE INDEX instance_actions_events_action ON instance_actions_events (action_id);",
        /* The local networks: what is leased to whom. What is given back is gone, not kept as deleted: the next one gets it. */
        "CREATE TABLE virtual_interfaces ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  uuid TEXT NOT NULL UNIQUE,"
        "  address TEXT NOT NULL UNIQUE,"
        "  instance_uuid TEXT NOT NULL,"
        "  network_id TEXT NOT NULL,"
        "  tag TEXT,"
        "  hostname TEXT,"
        "  preserve INTEGER NOT NULL DEFAULT 0 CHECK (preserve IN (0, 1)),"
        "  created_at TEXT NOT NULL"
        ") STRICT;"
        "CREATE INDEX virtual_interfaces_instance ON virtual_interfaces (instance_uuid);"
        "CREATE INDEX virtual_interfaces_network ON virtual_interfaces (network_id);"

        "CREATE TABLE fixed_ips ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  address TEXT NOT NULL,"
        "  network_id TEXT NOT NULL,"
        "  virtual_interface_id INTEGER NOT NULL REFERENCES virtual_interfaces (id) ON DELETE CASCADE,"
        "  created_at TEXT NOT NULL,"
        "  UNIQUE (network_id, address)"
        ") STRICT;"
        "CREATE INDEX fixed_ips_vif ON fixed_ips (virtual_interface_id);",

        /* Traffic is the sum of what counters grew by: each row has the counters as they were read last. */
        "ALTER TABLE bw_usage_cache ADD COLUMN uuid TEXT;"
        "ALTER TABLE bw_usage_cache ADD COLUMN last_ctr_in INTEGER;"
        "ALTER TABLE bw_usage_cache ADD COLUMN last_ctr_out INTEGER;",

        /* What an instance has of each NUMA node, for lists, which come without the object. */
        ("ALTER TABLE instances ADD COLUMN numa_topology TEXT;"
         "UPDATE instances SET numa_topology = json_extract(object, '$.\"nova_object.data\".numa_topology') WHERE json_valid(object);"),
};

const size_t schema_n_migrations = ELEMENTSOF(schema_migrations);
