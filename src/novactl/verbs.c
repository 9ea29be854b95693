#include "novactl/verbs.h"

#define ANY ARGUMENTS_ANY

const Verb verbs[] = {
        { "list", "[PATTERN…]", "List instances: all, or those whose name or uuid matches", VERB_INSTANCES, 0, ANY, verb_list },
        { "status", "[INSTANCE…]", "Show how the host, or these instances, are", VERB_INSTANCES, 0, ANY, verb_status },
        { "show", "[INSTANCE|JOB…]", "Show properties of the host, of instances or jobs as KEY=VALUE", VERB_INSTANCES, 0, ANY, verb_show },
        { "create", "NAME", "Make an instance and run it", VERB_INSTANCES, 1, 1, verb_create },
        { "start", "INSTANCE…", "Start stopped instances", VERB_INSTANCES, 1, ANY, verb_simple, "Start", "starting" },
        { "stop", "INSTANCE…", "Stop instances; the guest is asked first", VERB_INSTANCES, 1, ANY, verb_simple, "Stop", "stopping" },
        { "reboot", "INSTANCE…", "Reboot instances; the guest is asked first", VERB_INSTANCES, 1, ANY, verb_reboot, "Reboot", "rebooting" },
        { "pause", "INSTANCE…", "Freeze instances in memory", VERB_INSTANCES, 1, ANY, verb_simple, "Pause", "pausing" },
        { "unpause", "INSTANCE…", "Let paused instances go on", VERB_INSTANCES, 1, ANY, verb_simple, "Unpause", "unpausing" },
        { "suspend", "INSTANCE…", "Save the memory of instances to disk and stop them", VERB_INSTANCES, 1, ANY, verb_simple, "Suspend", "suspending" },
        { "resume", "INSTANCE…", "Bring suspended instances back", VERB_INSTANCES, 1, ANY, verb_simple, "Resume", "resuming" },
        { "rescue", "INSTANCE", "Boot an instance from a rescue image", VERB_INSTANCES, 1, 1, verb_simple, "Rescue", "rescuing" },
        { "unrescue", "INSTANCE…", "Boot rescued instances from their own disks again", VERB_INSTANCES, 1, ANY, verb_simple, "Unrescue", "unrescuing" },
        { "rebuild", "INSTANCE [IMAGE]", "Make the disk of an instance anew; what was on it is lost", VERB_INSTANCES, 1, 2, verb_rebuild, "Rebuild", "rebuilding" },
        { "snapshot", "INSTANCE IMAGE", "Make an image of the disk of an instance", VERB_INSTANCES, 2, 2, verb_snapshot, "Snapshot", "taking a snapshot of" },
        { "backup", "INSTANCE IMAGE TYPE KEEP", "Snapshot; the newest KEEP images of that TYPE stay", VERB_INSTANCES, 4, 4, verb_backup, "Backup", "backing up" },
        { "lock", "INSTANCE…", "Refuse verbs of the owner until unlock", VERB_INSTANCES, 1, ANY, verb_simple, "Lock", "locking" },
        { "unlock", "INSTANCE…", "Let the owner act again", VERB_INSTANCES, 1, ANY, verb_simple, "Unlock", "unlocking" },
        { "metadata", "INSTANCE KEY=[VALUE]…", "Set items of metadata; without a value take them away", VERB_INSTANCES, 2, ANY, verb_metadata, "SetMetadata", "setting metadata of" },
        { "delete", "INSTANCE…", "End instances and take their disks away", VERB_INSTANCES, 1, ANY, verb_simple, "Delete", "deleting" },
        { "restore", "INSTANCE…", "Bring back what was deleted with --soft", VERB_INSTANCES, 1, ANY, verb_simple, "Restore", "restoring" },

        { "console", "INSTANCE", "Follow what an instance writes on its serial console", VERB_GUESTS, 1, 1, verb_console },
        { "console-url", "INSTANCE vnc|spice|serial", "Show where the screen or serial line can be reached", VERB_GUESTS, 2, 2, verb_console_url },
        { "diagnostics", "INSTANCE", "Show what the hypervisor says of an instance now", VERB_GUESTS, 1, 1, verb_diagnostics },
        { "actions", "INSTANCE", "Show what was done with an instance, newest first", VERB_GUESTS, 1, 1, verb_actions },
        { "set-password", "INSTANCE", "Set the administrator's password in the guest", VERB_GUESTS, 1, 1, verb_set_password, "SetAdminPassword", "setting the password of" },
        { "inject-file", "INSTANCE FILE PATH", "Put a file into the guest", VERB_GUESTS, 3, 3, verb_inject_file, "InjectFile", "putting a file into" },
        { "crash-dump", "INSTANCE…", "Send guests a non-maskable interrupt", VERB_GUESTS, 1, ANY, verb_simple, "TriggerCrashDump", "interrupting" },
        { "quiesce", "INSTANCE…", "Freeze the file systems of guests", VERB_GUESTS, 1, ANY, verb_simple, "Quiesce", "quiescing" },
        { "unquiesce", "INSTANCE…", "Thaw the file systems of guests", VERB_GUESTS, 1, ANY, verb_simple, "Unquiesce", "unquiescing" },
        { "attach-interface", "INSTANCE NETWORK", "Give an instance a further interface", VERB_GUESTS, 2, 2, verb_interface, "AttachInterface", "attaching an interface to" },
        { "detach-interface", "INSTANCE PORT|MAC", "Take an interface away", VERB_GUESTS, 2, 2, verb_interface, "DetachInterface", "detaching an interface from" },
        { "reset-network", "INSTANCE…", "Have guests make their network anew", VERB_GUESTS, 1, ANY, verb_simple, "ResetNetwork", "resetting the network of" },

        { "jobs", "[INSTANCE…]", "List jobs that have not ended", VERB_JOBS, 0, ANY, verb_jobs },
        { "cancel", "JOB…", "Ask jobs to stop at their next safe point", VERB_JOBS, 1, ANY, verb_cancel, "Cancel", "cancelling" },
        { "monitor", "[INSTANCE…]", "Print changes as they happen", VERB_JOBS, 0, ANY, verb_monitor },
        { "stalled", "", "List operations beyond their deadline", VERB_JOBS, 0, 0, verb_stalled },

        { "node", "", "Show the resources of this host", VERB_HOST, 0, 0, verb_node },
        { "flavors", "", "List the flavors that create takes", VERB_HOST, 0, 0, verb_catalogue },
        { "images", "", "List the images that create takes", VERB_HOST, 0, 0, verb_catalogue },
        { "networks", "", "List the networks that create takes", VERB_HOST, 0, 0, verb_catalogue },
        { "update-resources", "", "Look at the resources of this host and store them now", VERB_HOST, 0, 0, verb_service_method, "UpdateAvailableResource", "updating the resources" },
        { "report-state", "", "Report the state of the service now", VERB_HOST, 0, 0, verb_service_method, "ReportState", "reporting the state" },
        { "enable", "", "Let the scheduler choose this host again", VERB_HOST, 0, 0, verb_service_method, "Enable", "enabling the host" },
        { "disable", "REASON", "Take this host out of scheduling", VERB_HOST, 1, ANY, verb_disable, "Disable", "disabling the host" },
        { "service", "start|stop|reload", "Start, stop or reload the service inside the daemon", VERB_HOST, 1, 1, verb_service },
        { "recover", "", "Compare instances with the hypervisor and repair what may be", VERB_HOST, 0, 0, verb_recover, "Recover", "recovering" },
        { "drift", "", "List where store, hypervisor and disk do not agree", VERB_HOST, 0, 0, verb_drift },
        { "metrics", "", "Print the metrics as OpenMetrics text", VERB_HOST, 0, 0, verb_metrics },
        { "is-online", "", "Say whether the service is well, by the exit status", VERB_HOST, 0, 0, verb_is_online },

        { "version", "", "Show the versions of novactl and of the daemon", VERB_OTHER, 0, 0, verb_version },
        { "help", "[VERB]", "Show this, or what a verb does and takes", VERB_OTHER, 0, 1, verb_help },
        /* for the completions of the shells; in no list */
        { "complete", "instances|jobs|images|flavors|networks [VERB]", NULL, VERB_OTHER, 1, 2, verb_complete },
};
const size_t n_verbs = ELEMENTSOF(verbs);

#define JOB_VERBS                                                                                                               \
        "create start stop reboot pause unpause suspend resume rescue unrescue rebuild snapshot backup lock unlock metadata "   \
        "delete restore set-password inject-file crash-dump quiesce unquiesce attach-interface detach-interface reset-network recover"

const Option options[_OPTION_MAX] = {
        { OPTION_HELP, "help", 'h', NULL, NULL, "Show this, or with a verb what that does" },
        { OPTION_VERSION, "version", 0, NULL, NULL, "Show the versions" },
        { OPTION_HOST, "host", 'H', "[USER@]HOST[:PORT]", NULL, "Work on the daemon of another host, by ssh" },
        { OPTION_JSON, "json", 0, "pretty|short|off", NULL, "Write JSON" },
        { OPTION_J, NULL, 'j', NULL, NULL, "The same as --json=pretty on a terminal, --json=short otherwise" },
        { OPTION_NO_LEGEND, "no-legend", 0, NULL, NULL, "No headings, no sums, nothing of empty tables" },
        { OPTION_NO_PAGER, "no-pager", 0, NULL, NULL, "Do not use a pager" },
        { OPTION_NO_ASK_PASSWORD, "no-ask-password", 0, NULL, NULL, "Do not have polkit ask for a password" },
        { OPTION_FULL, "full", 'l', NULL, NULL, "Do not cut what is too wide for the terminal" },
        { OPTION_QUIET, "quiet", 'q', NULL, NULL, "No line of progress, nothing about jobs" },
        { OPTION_NO_BLOCK, "no-block", 0, NULL, JOB_VERBS, "Do not wait until the job has ended" },
        { OPTION_PROPERTY, "property", 'p', "NAME", "show", "Only this property; may be repeated", true },
        { OPTION_VALUE, "value", 0, NULL, "show", "Only values, without KEY=" },
        { OPTION_STATE, "state", 0, "STATE", "list", "Only instances in this state; may be repeated", true },
        { OPTION_LINES, "lines", 'n', "LINES", "console status", "So many lines: of the console, of the journal" },
        { OPTION_NO_FOLLOW, "no-follow", 0, NULL, "console", "Print what is there and end" },
        { OPTION_RAW, "raw", 0, NULL, "console", "Pass every byte on to the terminal" },
        { OPTION_DRY_RUN, "dry-run", 0, NULL, "recover", "Only show what a start would do with what has not ended" },
        { OPTION_HARD, "hard", 0, NULL, "reboot", "Do not ask the guest" },
        { OPTION_TIMEOUT, "timeout", 0, "SECONDS", "stop", "How long the guest may take; 0 = stop it at once" },
        { OPTION_FORCE, "force", 0, NULL, "delete", "Also an instance that is locked" },
        { OPTION_SOFT, "soft", 0, NULL, "delete", "Keep the disks for the configured time" },
        { OPTION_IMAGE, "image", 0, "IMAGE", "create rescue", "Image: id, name or URL" },
        { OPTION_FLAVOR, "flavor", 0, "FLAVOR", "create", "Flavor, in place of the sizes" },
        { OPTION_VCPUS, "vcpus", 0, "NUMBER", "create", "Processors" },
        { OPTION_MEMORY, "memory", 0, "SIZE", "create", "Memory: 2G, 512M; a bare number is MiB" },
        { OPTION_DISK, "disk", 0, "SIZE", "create", "Root disk: 20G; a bare number is GiB" },
        { OPTION_EPHEMERAL, "ephemeral", 0, "SIZE", "create", "A further disk; a bare number is GiB" },
        { OPTION_SWAP, "swap", 0, "SIZE", "create", "A disk for swap; a bare number is MiB" },
        { OPTION_NETWORK, "network", 0, "NETWORK[,ip=ADDRESS]", "create", "Network: name or uuid; may be repeated", true },
        { OPTION_FIXED_IP, "fixed-ip", 0, "ADDRESS", "attach-interface", "Address that the interface gets" },
        { OPTION_USER_DATA, "user-data", 0, "FILE", "create rebuild", "User data for the guest; - is standard input" },
        { OPTION_METADATA, "metadata", 0, "KEY=VALUE", "create", "An item of metadata; may be repeated", true },
        { OPTION_KEY_NAME, "key-name", 0, "NAME", "create", "Name of the key pair; needs --public-key" },
        { OPTION_PUBLIC_KEY, "public-key", 0, "FILE", "create", "Its public key, as ssh-keygen writes it" },
        { OPTION_PASSWORD_FILE, "password-file", 0, "FILE", "create rebuild rescue set-password",
          "The administrator's password; - is standard input" },
        { OPTION_CONFIG_DRIVE, "config-drive", 0, NULL, "create", "Give it a config drive" },
        { OPTION_ZONE, "zone", 0, "ZONE", "create", "Availability zone" },
        { OPTION_UUID, "uuid", 0, "UUID", "create", "Uuid that it gets" },
        { OPTION_PROJECT, "project", 0, "PROJECT", "create list", "Project: that it belongs to, that is listed" },
        { OPTION_USER, "user", 0, "USER", "create", "User it belongs to" },
};

const Verb *verb_find(const char *name) {
        for (size_t i = 0; i < n_verbs; i++)
                if (streq(verbs[i].name, name))
                        return verbs + i;
        return NULL;
}

const char *verb_group_title(VerbGroup g) {
        static const char *const titles[_VERB_GROUP_MAX] = {
                [VERB_INSTANCES] = "Instances",
                [VERB_GUESTS] = "Inside of instances",
                [VERB_JOBS] = "Jobs",
                [VERB_HOST] = "This host",
                [VERB_OTHER] = "Other",
        };

        return titles[g];
}

bool option_is_for(const Option *o, const char *verb) {
        const char *p = o->verbs;

        if (!p)
                return true;
        while (*p) {
                size_t n = strcspn(p, " ");

                if (strlen(verb) == n && strncmp(p, verb, n) == 0)
                        return true;
                p += n + strspn(p + n, " ");
        }
        return false;
}
