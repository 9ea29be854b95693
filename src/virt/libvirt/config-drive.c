/* The config drive as a file: an ISO 9660 disc or a vfat disk (zed 6.9). Its content lies in a folder that only we may enter
 * while it is made; nothing of it appears on a command line or in a log. See disk-private.h. */
#include "virt/libvirt/config-drive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/path-util.h"
#include "config.h"
#include "virt/libvirt/disk-private.h"

#define LABEL "config-2"
#define VFAT_SIZE (64 * MIB)

static int write_content(const DriveContent *c, const char *folder, NovaException *e) {
        for (size_t i = 0; i < c->n; i++) {
                const DriveFile *f = &c->files[i];
                _cleanup_free_ char *path = NULL, *parent = NULL;
                _cleanup_close_ int fd = -1;
                size_t done = 0;
                int r;

                r = disk_path(&path, e, "%s/%s", folder, f->path);
                if (r < 0)
                        return r;
                parent = strndup(path, (size_t) (path_basename(path) - path - 1));
                r = parent ? make_directories(parent, 0700) : -ENOMEM;
                if (r < 0)
                        return exception_set_errno(e, r, "Making a config drive");
                fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (fd < 0)
                        return exception_set_errno(e, -errno, "Making a config drive");
                while (done < f->size) {
                        ssize_t n = write(fd, f->data + done, f->size - done);

                        if (n < 0 && errno == EINTR)
                                continue;
                        if (n <= 0)
                                return exception_set_errno(e, n < 0 ? -errno : -EIO, "Making a config drive");
                        done += (size_t) n;
                }
        }
        return 0;
}

static int make_iso(DiskStore *s, const char *folder, const char *part, const DriverHooks *hooks, NovaException *e) {
        const char *program = config_string(s->config, "mkisofs_cmd");

        return disk_tool("Making a config drive", hooks, e, isempty(program) ? "genisoimage" : program, "-o", part, "-ldots", "-allow-lowercase",
                         "-allow-multidot", "-l", "-publisher", "OpenStack Nova " PACKAGE_VERSION, "-quiet", "-J", "-r", "-V", LABEL, folder);
}

static int make_vfat(const char *folder, const char *part, const DriverHooks *hooks, NovaException *e) {
        _cleanup_free_ char *ec2 = NULL, *openstack = NULL;
        int r;

        r = disk_path(&ec2, e, "%s/ec2", folder);
        if (r >= 0)
                r = disk_path(&openstack, e, "%s/openstack", folder);
        if (r >= 0 && truncate(part, (off_t) VFAT_SIZE) < 0)
                r = disk_failed(-errno, "Making", part, e);
        if (r >= 0)
                r = disk_tool("Making a config drive", hooks, e, "mkfs.vfat", "-n", LABEL, part);
        if (r >= 0)     /* without mounting: that would need more rights than this daemon has */
                r = disk_tool("Making a config drive", hooks, e, "mcopy", "-s", "-Q", "-i", part, ec2, openstack, "::/");
        return r;
}

int config_drive_make(DiskStore *s, const DiskRequest *q, const char *path, NovaException *e) {
        const char *format = config_string(s->config, "config_drive_format");
        _cleanup_(drive_content_done) DriveContent content = {};
        _cleanup_free_ char *folder = NULL, *part = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = drive_content_make(q, config_string(s->config, "dhcp_domain"), &content, e);
        if (r >= 0)
                r = disk_path(&folder, e, "%s.content", path);
        if (r >= 0)
                r = disk_path(&part, e, "%s.part", path);
        if (r < 0)
                return r;
        /* Always of the same name, so that what a killed process left is gone, secrets with it, when it is made again. */
        (void) remove_tree(folder);
        (void) unlink(part);
        if (mkdir(folder, 0700) < 0)
                return disk_failed(-errno, "Making", folder, e);
        /* There before the program writes it, so that it is never anybody else's to read. */
        fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        r = fd < 0 ? disk_failed(-errno, "Making", part, e) : write_content(&content, folder, e);
        if (r >= 0)
                r = streq(strempty(format), "vfat") ? make_vfat(folder, part, q->hooks, e) : make_iso(s, folder, part, q->hooks, e);
        if (r >= 0 && fchmod(fd, 0600) < 0)
                r = disk_failed(-errno, "Making", part, e);
        (void) remove_tree(folder);
        if (r >= 0)
                r = disk_put_in_place(part, path, e);
        if (r < 0)
                (void) unlink(part);
        return r;
}
