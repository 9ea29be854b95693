/* Disks that are of no image: ephemeral ones with a file system, and swap. See disk-private.h. */
#include <stdio.h>
#include <unistd.h>

#include "basic/json.h"
#include "virt/libvirt/disk-private.h"

typedef struct Filesystem {
        uint64_t size;
        const char *type;               /* "ext4", "swap"; NULL: by @command */
        const char *command;            /* of virt_mkfs, or NULL */
        const char *label;
        const DriverHooks *hooks;
} Filesystem;

/* "mkfs -t x -L %(fs_label)s %(target)s", split at white space: no shell sees it. */
static int run_mkfs_command(const char *command, const char *label, const char *path, const DriverHooks *hooks, NovaException *e) {
        _cleanup_free_ char *copy = strdup(command);
        char *argv[32] = {}, *made[32] = {}, *rest = copy, *word;
        size_t n = 0, m = 0;
        int r = copy ? 0 : exception_set_errno(e, -ENOMEM, "Making a file system");

        while (r >= 0 && (word = strsep(&rest, " \t"))) {
                const char *mark, *value = NULL, *name = NULL;

                if (!*word)
                        continue;
                if (n >= ELEMENTSOF(argv) - 1) {
                        r = exception_setf(e, EXC_INVALID_CONFIGURATION, "virt_mkfs has too many words: %s", command);
                        break;
                }
                argv[n] = word;
                if ((mark = strstr(word, name = "%(fs_label)s")))
                        value = label;
                else if ((mark = strstr(word, name = "%(target)s")))
                        value = path;
                if (value) {
                        if (asprintf(&argv[n], "%.*s%s%s", (int) (mark - word), word, value, mark + strlen(name)) < 0)
                                r = exception_set_errno(e, -ENOMEM, "Making a file system");
                        else
                                made[m++] = argv[n];
                }
                n++;
        }
        if (r >= 0 && n == 0)
                r = exception_setf(e, EXC_INVALID_CONFIGURATION, "virt_mkfs names no program.");
        if (r >= 0)
                r = disk_run((const char *const *) argv, "Making a file system", hooks, e);
        while (m > 0)
                free(made[--m]);
        return r;
}

static int make_filesystem(const char *path, void *userdata, NovaException *e) {
        const Filesystem *f = userdata;
        const char *type = strempty(f->type), *program;
        int r;

        r = disk_make_empty(path, f->size, e);
        if (r < 0)
                return r;
        if (f->command)
                return run_mkfs_command(f->command, f->label, path, f->hooks, e);
        if (streq(type, "swap"))
                return disk_tool("Making swap", f->hooks, e, "mkswap", path);
        if (streq(type, "vfat"))
                return disk_tool("Making a file system", f->hooks, e, "mkfs.vfat", "-n", f->label, path);
        program = streq(type, "ext2") ? "mkfs.ext2" : streq(type, "ext3") ? "mkfs.ext3" : streq(type, "ext4") ? "mkfs.ext4" : NULL;
        if (program)
                return disk_tool("Making a file system", f->hooks, e, program, "-q", "-F", "-L", f->label, path);
        if (streq(type, "xfs"))
                return disk_tool("Making a file system", f->hooks, e, "mkfs.xfs", "-q", "-f", "-L", f->label, path);
        return disk_tool("Making a file system", f->hooks, e, "mkfs.ntfs", "-q", "-F", "-f", "-L", f->label, path);
}

static bool is_known_filesystem(const char *type) {
        static const char *const known[] = { "ext2", "ext3", "ext4", "xfs", "ntfs", "vfat" };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(known[i], type))
                        return true;
        return false;
}

/* By configuration, by what the user asked for, by the instance's system. */
static int choose_filesystem(DiskStore *s, const Instance *i, const char *asked, Filesystem *f, NovaException *e) {
        const char *os = isempty(i->os_type) ? "default" : i->os_type, *configured = config_string(s->config, "default_ephemeral_format");

        for (const char *const *row = config_list(s->config, "virt_mkfs"); *row; row++) {
                const char *equals = strchr(*row, '=');

                if (equals && (size_t) (equals - *row) == strlen(os) && strncmp(*row, os, strlen(os)) == 0)
                        f->command = equals + 1;
        }
        if (!isempty(asked) && !is_known_filesystem(asked))
                return exception_setf(e, EXC_INVALID_BDM_FORMAT, "Block Device Mapping is Invalid: %.50s format is not supported", asked);
        if (!isempty(asked)) {
                f->type = asked;
                f->command = NULL;
        } else if (!isempty(configured))
                f->type = configured;
        else
                f->type = streq(os, "windows") ? "ntfs" : streq(os, "linux") ? "ext4" : "vfat";
        return 0;
}

/* Made once as a file of the cache, and a layer over it; or made in place. */
static int make_generated(DiskStore *s, Disk *d, const char *name, Filesystem *f, Undo *u, NovaException *e) {
        CachedImage base = {.format = DISK_FORMAT_RAW, .virtual_size = f->size};
        _cleanup_free_ char *part = NULL;
        int r;

        if (disk_exists(d->path))
                return 0;
        if (s->cow) {
                r = image_cache_make(s, name, make_filesystem, f, f->hooks, &base.path, e);
                if (r >= 0)
                        r = disk_from_base(s, d, &base, f->size, f->hooks, u, e);
                cached_image_done(&base);
                return r;
        }
        r = disk_set_format(d, "raw", e);
        if (r >= 0)
                r = disk_path(&part, e, "%s.part", d->path);
        if (r < 0)
                return r;
        (void) unlink(part);
        r = make_filesystem(part, f, e);
        if (r >= 0)
                r = disk_finish(s, d, part, f->size, u, e);
        if (r < 0)
                (void) unlink(part);
        return r;
}

static int make_ephemeral(DiskStore *s, const DiskRequest *q, Disk *d, unsigned number, int64_t size_gb, const char *asked, Undo *u, NovaException *e) {
        char label[16], hash[IMAGE_CACHE_NAME_MAX], name[64];
        Filesystem f = {.label = label, .hooks = q->hooks};
        _cleanup_free_ char *what = NULL;
        int r;

        (void) snprintf(label, sizeof label, "ephemeral%u", number);
        r = disk_gib("an ephemeral disk", size_gb, &f.size, e);
        if (r >= 0)
                r = choose_filesystem(s, q->instance, asked, &f, e);
        if (r < 0)
                return r;
        /* Nova's name, with all in the hash that makes a difference to what is in the file. */
        r = disk_path(&what, e, "%s\n%s\n%s", f.command ?: "", f.command ? "" : f.type, label);
        if (r < 0)
                return r;
        (void) snprintf(name, sizeof name, "ephemeral_%lld_%.7s", (long long) size_gb, image_cache_name(what, hash));
        return make_generated(s, d, name, &f, u, e);
}

int disk_make_ephemerals(DiskStore *s, const DiskRequest *q, DiskPlan *p, Undo *u, NovaException *e) {
        json_t *list = json_object_get(q->block_device_info, "ephemerals");
        int r = 0;

        if (p->local >= 0)
                r = make_ephemeral(s, q, &p->set.items[p->local], 0, q->instance->ephemeral_gb, NULL, u, e);
        for (size_t n = 0; r >= 0 && n < p->n_ephemerals; n++) {
                json_t *one = json_array_get(list, n);

                r = make_ephemeral(s, q, &p->set.items[(size_t) p->ephemeral + n], (unsigned) n, json_member_integer(one, "size", 0),
                                   json_member_string(one, "guest_format"), u, e);
        }
        return r;
}

int disk_make_swap(DiskStore *s, const DiskRequest *q, DiskPlan *p, Undo *u, NovaException *e) {
        Filesystem f = {.type = "swap", .hooks = q->hooks};
        char name[40];

        if (p->swap < 0)
                return 0;
        if (p->swap_mb > INT64_MAX >> 20)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: swap of %lld MiB", (long long) p->swap_mb);
        f.size = (uint64_t) p->swap_mb << 20;
        (void) snprintf(name, sizeof name, "swap_%lld", (long long) p->swap_mb);
        return make_generated(s, &p->set.items[p->swap], name, &f, u, e);
}
