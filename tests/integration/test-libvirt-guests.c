/* The libvirt driver and real guests: qemu, emulated, which boot from tests/guest/boot.S and say so on their serial line. Runs below
 * tests/lib/with-libvirt. One guest goes through one case after another; each says in which state it leaves it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "basic/json.h"
#include "objects/instance-object.h"
#include "virt/driver.h"
#include "virt/host-info.h"

#define UUID "7d671d0e-f599-4e9a-9f56-820cca4200b5"
#define IMAGE "155d900f-4e14-4e4c-a73d-069cbf4541e6"
#define RESCUE_IMAGE "255d900f-4e14-4e4c-a73d-069cbf4541e6"
#define SNAPSHOT "355d900f-4e14-4e4c-a73d-069cbf4541e6"
#define DEADLINE ((usec_t) 60 * USEC_PER_SEC)

typedef struct World {
        char dir[64];
        ComputeDriver *driver;
        virConnectPtr other;            /* as somebody else who uses libvirt */
        Instance instance;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        PowerState state;               /* as told last */
        unsigned events;
} World;

static World world = { .dir = "/tmp/nova-guests.XXXXXX", .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static const char *below(const char *name, char buffer[static 256]) {
        (void) snprintf(buffer, 256, "%s/%s", world.dir, name);
        return buffer;
}
#define BELOW(name) below(name, (char[256]){ 0 })

static void on_event(const DriverEvent *event, void *userdata) {
        World *w = userdata;

        if (event->type != DRIVER_EVENT_LIFECYCLE || !streq(event->uuid, UUID))
                return;
        pthread_mutex_lock(&w->lock);
        w->state = event->state;
        w->events++;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
}

/* Returns when the driver has told that the guest is in @state; usec it took. */
static usec_t wait_told(PowerState state) {
        usec_t begun = now_monotonic(), deadline = begun + DEADLINE;
        const struct timespec t = { .tv_sec = (time_t) (deadline / USEC_PER_SEC) };
        bool told;

        pthread_mutex_lock(&world.lock);
        while (world.state != state && now_monotonic() < deadline)
                (void) pthread_cond_clockwait(&world.changed, &world.lock, CLOCK_MONOTONIC, &t);
        told = world.state == state;
        pthread_mutex_unlock(&world.lock);
        if (!told)
                fail_msg("state %d was not told", state);
        return now_monotonic() - begun;
}

static void write_file(const char *path, const void *data, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, size), size);
        assert_int_equal(close(fd), 0);
}

/* An image: the boot sector, which counts its boots from @boots on, and room. @kind: 'd' deaf, 'f' floods its console. */
static void make_image(const char *id, char boots, char kind) {
        _cleanup_free_ char *text = NULL;
        char disk[65536] = {}, path[256], name[64];
        int fd = open(getenv("GUEST_BOOT"), O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(read(fd, disk, 512), 512);
        (void) close(fd);
        assert_int_equal((unsigned char) disk[511], 0xaa);
        disk[509] = kind;
        disk[512] = boots;
        snprintf(name, sizeof name, "images/%s", id);
        write_file(below(name, path), disk, sizeof disk);
        assert_int_equal(truncate(path, 4 << 20), 0);           /* smaller disks are none to the BIOS */
        assert_true(asprintf(&text, "{\"name\": \"%s\", \"disk_format\": \"raw\", \"container_format\": \"bare\"}", id) > 0);
        snprintf(name, sizeof name, "images/%s.json", id);
        write_file(below(name, path), text, strlen(text));
}

/* Runs a program; its exit status. */
static int run(const char *format, ...) _printf_(1, 2);
static int run(const char *format, ...) {
        char command[1024];
        va_list ap;

        va_start(ap, format);
        vsnprintf(command, sizeof command, format, ap);
        va_end(ap);
        return system(command);
}

static ComputeDriver *construct(void) {
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_exception_ NovaException e = {};
        ComputeDriver *d = NULL;
        ConfigError error = {};
        char module[256], state[256];

        snprintf(module, sizeof module, "module_path=%s", getenv("VIRT_MODULE_PATH"));
        snprintf(state, sizeof state, "state_path=%s", world.dir);
        if (config_new_for_test(&c, (const char *const[]){ module, state, "libvirt.virt_type=qemu", "libvirt.connection_uri=qemu:///system",
                                                           "host=host1", "libvirt.wait_soft_reboot_seconds=10", "spice.enabled=true",
                                                           "libvirt.device_detach_attempts=1", "libvirt.device_detach_timeout=1", NULL }, &error) < 0)
                fail_msg("%s", error.text);
        if (compute_driver_load(c, "libvirt.LibvirtDriver", &d, &e) < 0)
                fail_msg("%s", e.message);
        d->ops->set_event_callback(d, on_event, &world);
        if (d->ops->init_host(d, "host1", &e) < 0)
                fail_msg("%s", e.message);
        return d;
}

static void set_instance(Instance *i, const char *uuid, int64_t id) {
        json_t *metadata = json_pack("{s:s, s:s, s:s}", "image_base_image_ref", IMAGE, "image_disk_format", "raw", "image_container_format", "bare");

        *i = (Instance){ .id = id, .uuid = strdup(uuid), .display_name = strdup("a <guest> & \"friends\""), .image_ref = strdup(IMAGE),
                         .user_id = strdup("u1"), .project_id = strdup("p1"), .flavor_name = strdup("m1.nano"), .memory_mb = 64, .vcpus = 1,
                         .root_gb = 1 };
        assert_int_equal(instance_set_field(i, "system_metadata", metadata), 0);
        assert_int_equal(instance_name_fill(i, "instance-%08x", NULL), 0);
}

static int set_up(void **state) {
        if (!mkdtemp(world.dir) || chmod(world.dir, 0755) < 0 || mkdir(BELOW("images"), 0755) < 0 || mkdir(BELOW("instances"), 0755) < 0)
                return -1;
        make_image(IMAGE, 0, 0);
        make_image(RESCUE_IMAGE, 4, 0);
        set_instance(&world.instance, UUID, 1);
        world.driver = construct();
        world.other = virConnectOpen("qemu:///system");
        return world.other ? 0 : -1;
}

static int tear_down(void **state) {
        (void) world.driver->ops->destroy(world.driver, NULL, &world.instance, NULL, NULL, true, NULL);
        world.driver = compute_driver_free(world.driver);
        (void) virConnectClose(world.other);
        instance_done(&world.instance);
        return run("rm -rf '%s'", world.dir);
}

/* ---- what tests look at ---- */

#define OPS world.driver->ops
/* The exception of the call is called why. */
#define CALL(call)                                                                      \
        do {                                                                            \
                _cleanup_exception_ NovaException why = {};                             \
                if ((call) < 0)                                                         \
                        fail_msg("%s: %s: %s", #call, why.class_name, why.message);     \
        } while (0)

static char *console(const Instance *i, size_t max) {
        char *text = NULL;

        CALL(OPS->get_console_output(world.driver, i, max, &text, &why));
        return text;
}

/* Waits until the console of the guest has @n times @line. */
static void wait_line(const Instance *i, const char *line, unsigned n) {
        usec_t deadline = now_monotonic() + DEADLINE;

        for (;;) {
                _cleanup_free_ char *text = console(i, 1 << 20);
                unsigned found = 0;

                for (const char *p = text; (p = strstr(p, line)); p += strlen(line))
                        found++;
                if (found >= n)
                        return;
                if (now_monotonic() > deadline)
                        fail_msg("the guest does not say \"%s\" %u times, but: %s", line, n, text);
                (void) poll(NULL, 0, 20);
        }
}

static PowerState power(const Instance *i) {
        DomainInfo info = {};

        CALL(OPS->get_info(world.driver, i, &info, &why));
        return info.state;
}

static bool exists(const char *name) {
        struct stat st;

        return lstat(BELOW(name), &st) >= 0;
}

static void spawn(const Instance *i, const json_t *network_info, const DriverHooks *hooks) {
        CALL(OPS->spawn(world.driver, NULL, i, NULL, NULL, NULL, network_info, NULL, hooks, &why));
}

/* ---- the life of one guest ---- */

typedef struct Told {
        char steps[200];
        PowerState while_waiting;
} Told;

static void on_step(const char *step, void *userdata) {
        Told *t = userdata;

        strcat(strcat(t->steps, step), " ");
}

static int wait_plugged(void *userdata, NovaException *e _unused_) {
        ((Told *) userdata)->while_waiting = power(&world.instance);
        return 0;
}

static json_t *network_info(const char *mac, const char *device) {
        return json_pack("[{s:s, s:s, s:s, s:s, s:{s:b}, s:{s:s, s:[{s:[{s:s, s:i, s:s}]}]}}]", "id", "ce531f90-199f-48c0-816c-13e38010b442",
                         "address", mac, "type", "bridge", "devname", device, "details", "port_filter", true, "network", "bridge", "br-test",
                         "subnets", "ips", "address", "192.0.2.9", "version", 4, "type", "fixed");
}

static void a_guest_is_spawned_paused_and_speaks(void **state) {
        json_auto_t *vifs = network_info("fa:16:3e:4c:2c:30", "tapce531f90-19");
        Told t = {};
        const DriverHooks hooks = { .step = on_step, .wait_plugged = wait_plugged, .userdata = &t };

        if (run("ip link add br-test type bridge && ip link set br-test up") != 0)
                fail_msg("no bridge can be made");
        spawn(&world.instance, vifs, &hooks);
        assert_non_null(strstr(t.steps, "domain plugged "));
        assert_int_equal(t.while_waiting, POWER_PAUSED);
        wait_line(&world.instance, "guest: boot 1", 1);
        assert_int_equal(power(&world.instance), POWER_RUNNING);
        (void) wait_told(POWER_RUNNING);
        assert_true(exists("instances/" UUID "/disk"));
        assert_true(exists("instances/" UUID "/disk.info"));
        assert_true(exists("instances/" UUID "/console.log"));
}

static void its_interface_has_a_filter_of_its_own(void **state) {
        virNWFilterPtr f = virNWFilterLookupByName(world.other, "nova-instance-" UUID "-fa163e4c2c30");
        _cleanup_free_ char *xml = NULL;

        assert_non_null(f);
        xml = virNWFilterGetXMLDesc(f, 0);
        assert_non_null(strstr(xml, "192.0.2.9"));
        (void) virNWFilterFree(f);
        assert_int_equal(run("ip link show tapce531f90-19 >/dev/null"), 0);
}

static void the_same_uuid_is_not_spawned_twice(void **state) {
        _cleanup_exception_ NovaException e = {};

        assert_int_equal(OPS->spawn(world.driver, NULL, &world.instance, NULL, NULL, NULL, NULL, NULL, NULL, &e), -EEXIST);
        assert_string_equal(e.class_name, "InstanceExists");
        assert_int_equal(power(&world.instance), POWER_RUNNING);
        assert_true(exists("instances/" UUID "/disk"));
}

static void its_console_is_read_from_the_end(void **state) {
        _cleanup_free_ char *text = NULL;

        wait_line(&world.instance, "guest: tick", 2);
        text = console(&world.instance, 8);
        assert_int_equal(strlen(text), 8);
        assert_null(strstr(text, "boot"));
}

static void its_displays_are_where_libvirt_put_them(void **state) {
        json_auto_t *vnc = NULL, *spice = NULL, *serial = NULL;
        _cleanup_exception_ NovaException e = {};

        CALL(OPS->get_vnc_console(world.driver, &world.instance, &vnc, &why));
        assert_string_equal(json_member_string(vnc, "host"), "127.0.0.1");
        assert_true(json_member_integer(vnc, "port", 0) >= 5900);
        CALL(OPS->get_spice_console(world.driver, &world.instance, &spice, &why));
        assert_true(json_member_integer(spice, "port", 0) >= 5900);
        assert_true(OPS->get_serial_console(world.driver, &world.instance, &serial, &e) < 0);
        assert_string_equal(e.class_name, "ConsoleTypeUnavailable");
        assert_string_equal(e.message, "Unavailable console type serial.");
}

static void its_counters_are_told_in_both_forms(void **state) {
        json_auto_t *flat = NULL, *object = NULL, *disks = NULL, *nics = NULL;
        _cleanup_free_ char *info = NULL;
        const json_t *data;

        CALL(OPS->get_diagnostics(world.driver, &world.instance, &flat, &why));
        assert_true(json_member_integer(flat, "cpu0_time", -1) > 0);
        assert_true(json_member_integer(flat, "vda_read", -1) >= 1024);
        assert_int_equal(json_member_integer(flat, "memory", -1), 64 * 1024);
        assert_true(json_member_integer(flat, "tapce531f90-19_rx", -1) >= 0);
        CALL(OPS->get_instance_diagnostics(world.driver, &world.instance, &object, &why));
        data = json_object_get(object, "nova_object.data");
        assert_string_equal(json_member_string(data, "state"), "running");
        assert_string_equal(json_member_string(data, "hypervisor"), "qemu");
        assert_int_equal(json_member_integer(data, "num_cpus", 0), 1);
        assert_int_equal(json_member_integer(data, "num_disks", 0), 1);
        assert_int_equal(json_member_integer(data, "num_nics", 0), 1);
        CALL(OPS->list_disks(world.driver, &world.instance, &disks, &why));
        assert_string_equal(json_string_value(json_array_get(disks, 0)), "vda");
        CALL(OPS->list_interfaces(world.driver, &world.instance, &nics, &why));
        assert_string_equal(json_string_value(json_array_get(nics, 0)), "tapce531f90-19");
        CALL(OPS->get_instance_disk_info(world.driver, &world.instance, &info, &why));
        assert_non_null(strstr(info, "\"virt_disk_size\""));
}

static void it_is_paused_and_goes_on(void **state) {
        CALL(OPS->pause(world.driver, &world.instance, &why));
        assert_int_equal(power(&world.instance), POWER_PAUSED);
        (void) wait_told(POWER_PAUSED);
        CALL(OPS->unpause(world.driver, &world.instance, &why));
        assert_int_equal(power(&world.instance), POWER_RUNNING);
}

/* The counter of boots is in memory, too: only a guest that goes on where it was says no further boot. */
static void it_is_suspended_to_disk_and_goes_on_where_it_was(void **state) {
        _cleanup_free_ char *text = NULL;

        CALL(OPS->suspend(world.driver, NULL, &world.instance, &why));
        assert_int_equal(power(&world.instance), POWER_SHUTDOWN);
        CALL(OPS->resume(world.driver, NULL, &world.instance, NULL, NULL, &why));
        assert_int_equal(power(&world.instance), POWER_RUNNING);
        wait_line(&world.instance, "guest: tick", 1);
        text = console(&world.instance, 1 << 20);
        assert_null(strstr(text, "guest: boot 2"));
}

static void an_interrupt_reaches_it(void **state) {
        CALL(OPS->trigger_crash_dump(world.driver, &world.instance, &why));
        wait_line(&world.instance, "guest: nmi", 1);
}

static void what_needs_its_agent_is_refused_in_novas_words(void **state) {
        _cleanup_exception_ NovaException a = {}, b = {}, c = {};

        assert_true(OPS->set_admin_password(world.driver, &world.instance, "secret", &a) < 0);
        assert_string_equal(a.class_name, "QemuGuestAgentNotEnabled");
        assert_true(OPS->inject_file(world.driver, &world.instance, "L2V0Yy9tb3Rk", "aGVsbG8=", &b) < 0);
        assert_string_equal(b.class_name, "QemuGuestAgentNotEnabled");
        assert_true(OPS->quiesce(world.driver, NULL, &world.instance, NULL, &c) < 0);
        assert_string_equal(c.class_name, "InstanceQuiesceNotSupported");
}

static void it_hears_the_power_button_and_is_off(void **state) {
        CALL(OPS->power_off(world.driver, &world.instance, 60, 10, &why));
        assert_int_equal(power(&world.instance), POWER_SHUTDOWN);
        wait_line(&world.instance, "guest: power button", 1);
        (void) wait_told(POWER_SHUTDOWN);
}

static void it_is_started_with_what_it_wrote(void **state) {
        json_auto_t *vifs = network_info("fa:16:3e:4c:2c:30", "tapce531f90-19");

        CALL(OPS->power_on(world.driver, NULL, &world.instance, vifs, NULL, &why));
        wait_line(&world.instance, "guest: boot 2", 1);
}

static void it_is_rebooted_softly(void **state) {
        CALL(OPS->reboot(world.driver, NULL, &world.instance, NULL, REBOOT_SOFT, NULL, &why));
        assert_int_equal(power(&world.instance), POWER_RUNNING);
        wait_line(&world.instance, "guest: boot 3", 1);
}

static void it_is_rebooted_hard(void **state) {
        CALL(OPS->reboot(world.driver, NULL, &world.instance, NULL, REBOOT_HARD, NULL, &why));
        assert_int_equal(power(&world.instance), POWER_RUNNING);
        wait_line(&world.instance, "guest: boot 4", 1);
}

/* From here on it has one interface, and no filter. */
static void an_interface_is_attached_and_asked_for_again(void **state) {
        json_auto_t *vifs = network_info("fa:16:3e:4c:2c:31", "tapce531f90-20"), *names = NULL;
        _cleanup_exception_ NovaException e = {};
        json_t *vif = json_array_get(vifs, 0);

        CALL(OPS->attach_interface(world.driver, NULL, &world.instance, NULL, vif, &why));
        CALL(OPS->list_interfaces(world.driver, &world.instance, &names, &why));
        assert_int_equal(json_array_size(names), 1);
        assert_string_equal(json_string_value(json_array_get(names, 0)), "tapce531f90-20");
        /* it has no ears for hot-plug, and keeps the device while it runs: that is said, and not taken for done */
        assert_true(OPS->detach_interface(world.driver, NULL, &world.instance, vif, &e) < 0);
        assert_string_equal(e.class_name, "DeviceDetachFailed");
        /* off, there is nobody to be asked: of its description it went at the first time */
        CALL(OPS->power_off(world.driver, &world.instance, 0, 0, &why));
        CALL(OPS->detach_interface(world.driver, NULL, &world.instance, vif, &why));
        CALL(OPS->power_on(world.driver, NULL, &world.instance, NULL, NULL, &why));
        json_decref(names);
        names = NULL;
        CALL(OPS->list_interfaces(world.driver, &world.instance, &names, &why));
        assert_int_equal(json_array_size(names), 0);
        wait_line(&world.instance, "guest: boot 5", 1);
}

static void it_is_rescued_and_put_back(void **state) {
        json_auto_t *meta = json_pack("{s:s, s:s, s:s}", "id", RESCUE_IMAGE, "disk_format", "raw", "container_format", "bare"), *disks = NULL;
        _cleanup_exception_ NovaException e = {};

        assert_true(OPS->unrescue(world.driver, NULL, &world.instance, &e) < 0);
        assert_string_equal(e.class_name, "InstanceNotInRescueMode");
        CALL(OPS->rescue(world.driver, NULL, &world.instance, NULL, meta, "secret", &why));
        assert_true(exists("instances/" UUID "/unrescue.xml"));
        assert_true(exists("instances/" UUID "/disk.rescue"));
        CALL(OPS->list_disks(world.driver, &world.instance, &disks, &why));
        assert_true(json_array_size(disks) >= 2);
        wait_line(&world.instance, "guest: boot 5", 1);         /* the rescue image's count, and first */
        CALL(OPS->unrescue(world.driver, NULL, &world.instance, &why));
        assert_false(exists("instances/" UUID "/unrescue.xml"));
        assert_false(exists("instances/" UUID "/disk.rescue"));
        wait_line(&world.instance, "guest: boot 6", 1);
}

static int on_task_state(TaskState to, TaskState expected _unused_, void *userdata, NovaException *e _unused_) {
        Told *t = userdata;

        strcat(strcat(t->steps, task_state_to_string(to)), " ");
        return 0;
}

/* A guest from the image that @id has become; it counts on from there. */
static void boot_from(const char *id, const char *line) {
        Instance i;

        set_instance(&i, "11111111-2222-4333-8444-555555555555", 2);
        assert_int_equal(instance_system_metadata_set(&i, "image_base_image_ref", id), 0);
        assert_int_equal(instance_system_metadata_set(&i, "image_disk_format", "qcow2"), 0);
        free(i.image_ref);
        i.image_ref = strdup(id);
        spawn(&i, NULL, NULL);
        wait_line(&i, line, 1);
        CALL(OPS->destroy(world.driver, NULL, &i, NULL, NULL, true, &why));
        assert_false(exists("instances/11111111-2222-4333-8444-555555555555"));
        instance_done(&i);
}

static void a_snapshot_of_the_running_guest_boots(void **state) {
        Told t = {};
        const DriverHooks hooks = { .task_state = on_task_state, .userdata = &t };
        json_auto_t *meta = json_pack("{s:s}", "name", "snap1");

        CALL(OPS->snapshot(world.driver, NULL, &world.instance, SNAPSHOT, meta, &hooks, &why));
        assert_string_equal(t.steps, "image_pending_upload image_uploading ");
        assert_int_equal(power(&world.instance), POWER_RUNNING);
        assert_true(exists("images/" SNAPSHOT));
        boot_from(SNAPSHOT, "guest: boot 7");
        assert_int_equal(run("test -z \"$(ls '%s'/instances/snapshots 2>/dev/null)\"", world.dir), 0);
}

/* The guest dies behind our back: that is told within a second. */
static void a_guest_that_is_killed_is_noticed(void **state) {
        pid_t pid = 0;
        FILE *f = popen("cat /run/libvirt/qemu/instance-00000001.pid", "r");

        (void) wait_told(POWER_RUNNING);
        assert_int_equal(fscanf(f, "%d", &pid), 1);
        (void) pclose(f);
        assert_true(pid > 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_true(wait_told(POWER_SHUTDOWN) < USEC_PER_SEC);
        assert_int_equal(power(&world.instance), POWER_SHUTDOWN);
}

static void a_snapshot_of_a_guest_that_is_off_boots(void **state) {
        CALL(OPS->snapshot(world.driver, NULL, &world.instance, "cold.img", NULL, NULL, &why));
        boot_from("cold.img", "guest: boot 7");
}

static void it_is_started_when_the_host_comes_up(void **state) {
        CALL(OPS->resume_state_on_host_boot(world.driver, NULL, &world.instance, NULL, NULL, &why));
        wait_line(&world.instance, "guest: boot 7", 1);
        CALL(OPS->resume_state_on_host_boot(world.driver, NULL, &world.instance, NULL, NULL, &why));      /* it runs: nothing is done */
        assert_int_equal(power(&world.instance), POWER_RUNNING);
}

static void another_driver_finds_it_as_it_is(void **state) {
        _cleanup_(strv_freep) char **uuids = NULL;

        world.driver = compute_driver_free(world.driver);
        world.driver = construct();
        assert_int_equal(power(&world.instance), POWER_RUNNING);
        CALL(OPS->list_instance_uuids(world.driver, &uuids, &why));
        assert_string_equal(uuids[0], UUID);
        assert_null(uuids[1]);
        wait_line(&world.instance, "guest: boot 7", 1);
}

static void a_domain_of_somebody_else_is_left_alone(void **state) {
        static const char xml[] = "<domain type='qemu'><name>theirs</name><uuid>22222222-2222-4333-8444-555555555555</uuid><memory>65536</memory>"
                                  "<os><type>hvm</type></os></domain>";
        virDomainPtr theirs = virDomainDefineXML(world.other, xml);
        const Instance i = { .uuid = (char *) "22222222-2222-4333-8444-555555555555", .name = (char *) "instance-00000009" };
        _cleanup_exception_ NovaException a = {}, b = {};

        assert_non_null(theirs);
        assert_int_equal(virDomainCreate(theirs), 0);
        assert_true(OPS->destroy(world.driver, NULL, &i, NULL, NULL, true, &a) < 0);
        assert_non_null(strstr(a.message, "theirs"));
        assert_true(OPS->power_off(world.driver, &i, 0, 0, &b) < 0);
        assert_int_equal(virDomainIsActive(theirs), 1);
        (void) virDomainDestroy(theirs);
        (void) virDomainUndefine(theirs);
        (void) virDomainFree(theirs);
}

static void a_guest_that_is_deaf_is_switched_off_in_the_end(void **state) {
        Instance i;
        usec_t begun;

        make_image("deaf", 0, 'd');
        set_instance(&i, "33333333-2222-4333-8444-555555555555", 3);
        assert_int_equal(instance_system_metadata_set(&i, "image_base_image_ref", "deaf"), 0);
        free(i.image_ref);
        i.image_ref = strdup("deaf");
        spawn(&i, NULL, NULL);
        wait_line(&i, "guest: boot 1", 1);
        begun = now_monotonic();
        CALL(OPS->power_off(world.driver, &i, 2, 1, &why));
        assert_true(now_monotonic() - begun >= 2 * USEC_PER_SEC);
        assert_int_equal(power(&i), POWER_SHUTDOWN);
        CALL(OPS->destroy(world.driver, NULL, &i, NULL, NULL, true, &why));
        instance_done(&i);
}

/* virtlogd of these tests turns a log over at 64 KiB and keeps two: whatever a guest writes, that is all. */
static void a_console_that_is_flooded_stays_bounded_and_is_read_to_its_end(void **state) {
        static const char uuid[] = "55555555-2222-4333-8444-555555555555";
        static const char *const files[] = { "", ".0", ".1", ".2" };
        usec_t deadline = now_monotonic() + DEADLINE;
        _cleanup_free_ char *text = NULL;
        off_t sum = 0;
        Instance i;

        make_image("flood", 0, 'f');
        set_instance(&i, uuid, 5);
        assert_int_equal(instance_system_metadata_set(&i, "image_base_image_ref", "flood"), 0);
        free(i.image_ref);
        i.image_ref = strdup("flood");
        spawn(&i, NULL, NULL);
        while (!exists("instances/55555555-2222-4333-8444-555555555555/console.log.1")) {
                assert_true(now_monotonic() < deadline);
                (void) poll(NULL, 0, 20);
        }
        CALL(OPS->pause(world.driver, &i, &why));
        for (size_t k = 0; k < ELEMENTSOF(files); k++) {
                char name[100];
                struct stat st;

                snprintf(name, sizeof name, "instances/%s/console.log%s", uuid, files[k]);
                if (lstat(BELOW(name), &st) >= 0)
                        sum += st.st_size;
        }
        assert_true(sum > 2 * 65536 && sum <= 3 * (65536 + 4096));
        text = console(&i, 102400);
        assert_int_equal(strlen(text), 102400);                 /* over the seam of two files */
        assert_null(strstr(text, "ticguest"));
        CALL(OPS->destroy(world.driver, NULL, &i, NULL, NULL, true, &why));
        assert_false(exists("instances/55555555-2222-4333-8444-555555555555"));
        instance_done(&i);
}

static int wait_in_vain(void *userdata _unused_, NovaException *e) {
        return exception_setf(e, EXC_VIRTUAL_INTERFACE_CREATE, "Virtual Interface creation failed");
}

static bool cancelled_at_domain(void *userdata) {
        return strstr(((Told *) userdata)->steps, "domain") != NULL;
}

/* Each way in which a spawn may fail leaves no domain, no file and no filter. */
static void a_spawn_that_fails_leaves_nothing(void **state) {
        static const char uuid[] = "44444444-2222-4333-8444-555555555555";
        json_auto_t *vifs = network_info("fa:16:3e:4c:2c:44", "tap44444444"), *nowhere = network_info("fa:16:3e:4c:2c:45", "tap44444445");
        Told t = {};
        const DriverHooks no_network = { .wait_plugged = wait_in_vain, .userdata = &t },
                          cancel = { .step = on_step, .cancelled = cancelled_at_domain, .wait_plugged = wait_in_vain, .userdata = &t };
        const struct {
                const json_t *vifs;
                const DriverHooks *hooks;
                const char *property, *value, *class;
        } table[] = {
                { vifs, &no_network, NULL, NULL, "VirtualInterfaceCreateException" },
                { vifs, &cancel, NULL, NULL, "NovaException" },
                { nowhere, NULL, NULL, NULL, "NovaException" },                         /* the bridge is not there */
                { NULL, NULL, "image_base_image_ref", "no-such-image", "ImageNotFound" },
                { NULL, NULL, "image_hw_machine_type", "abacus", "Invalid" },
                { NULL, NULL, "image_hw_disk_bus", "abacus", "ValueError" },
        };

        assert_int_equal(json_object_set_new(json_object_get(json_array_get(nowhere, 0), "network"), "bridge", json_string("br-none")), 0);
        for (size_t k = 0; k < ELEMENTSOF(table); k++) {
                _cleanup_exception_ NovaException e = {};
                virNWFilterPtr f;
                Instance i;

                set_instance(&i, uuid, 4);
                if (table[k].property)
                        assert_int_equal(instance_system_metadata_set(&i, table[k].property, table[k].value), 0);
                if (table[k].property && streq(table[k].value, "no-such-image")) {
                        free(i.image_ref);
                        i.image_ref = strdup("no-such-image");
                }
                assert_true(OPS->spawn(world.driver, NULL, &i, NULL, NULL, NULL, table[k].vifs, NULL, table[k].hooks, &e) < 0);
                if (!streq(e.class_name, table[k].class))
                        fail_msg("case %zu: %s: %s", k, e.class_name, e.message);
                assert_int_equal(OPS->instance_exists(world.driver, &i, NULL), 0);
                assert_false(exists("instances/44444444-2222-4333-8444-555555555555"));
                f = virNWFilterLookupByName(world.other, "nova-instance-44444444-2222-4333-8444-555555555555-fa163e4c2c44");
                assert_null(f);
                instance_done(&i);
        }
}

static void it_is_destroyed_with_all_that_was_its(void **state) {
        virNWFilterPtr f;

        CALL(OPS->destroy(world.driver, NULL, &world.instance, NULL, NULL, true, &why));
        assert_int_equal(OPS->instance_exists(world.driver, &world.instance, NULL), 0);
        assert_int_equal(run("test -z \"$(ls '%s'/instances | grep -vE '^(_base|locks|snapshots|compute_nodes)$')\"", world.dir), 0);
        f = virNWFilterLookupByName(world.other, "nova-instance-" UUID "-fa163e4c2c30");
        assert_null(f);
        CALL(OPS->destroy(world.driver, NULL, &world.instance, NULL, NULL, true, &why));         /* absent is fine */
        CALL(OPS->cleanup(world.driver, NULL, &world.instance, NULL, NULL, true, &why));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_guest_is_spawned_paused_and_speaks),
                cmocka_unit_test(its_interface_has_a_filter_of_its_own),
                cmocka_unit_test(the_same_uuid_is_not_spawned_twice),
                cmocka_unit_test(its_console_is_read_from_the_end),
                cmocka_unit_test(its_displays_are_where_libvirt_put_them),
                cmocka_unit_test(its_counters_are_told_in_both_forms),
                cmocka_unit_test(it_is_paused_and_goes_on),
                cmocka_unit_test(it_is_suspended_to_disk_and_goes_on_where_it_was),
                cmocka_unit_test(an_interrupt_reaches_it),
                cmocka_unit_test(what_needs_its_agent_is_refused_in_novas_words),
                cmocka_unit_test(it_hears_the_power_button_and_is_off),
                cmocka_unit_test(it_is_started_with_what_it_wrote),
                cmocka_unit_test(it_is_rebooted_softly),
                cmocka_unit_test(it_is_rebooted_hard),
                cmocka_unit_test(an_interface_is_attached_and_asked_for_again),
                cmocka_unit_test(it_is_rescued_and_put_back),
                cmocka_unit_test(a_snapshot_of_the_running_guest_boots),
                cmocka_unit_test(a_guest_that_is_killed_is_noticed),
                cmocka_unit_test(a_snapshot_of_a_guest_that_is_off_boots),
                cmocka_unit_test(it_is_started_when_the_host_comes_up),
                cmocka_unit_test(another_driver_finds_it_as_it_is),
                cmocka_unit_test(a_domain_of_somebody_else_is_left_alone),
                cmocka_unit_test(a_guest_that_is_deaf_is_switched_off_in_the_end),
                cmocka_unit_test(a_console_that_is_flooded_stays_bounded_and_is_read_to_its_end),
                cmocka_unit_test(a_spawn_that_fails_leaves_nothing),
                cmocka_unit_test(it_is_destroyed_with_all_that_was_its),
        };

        virSetErrorFunc(NULL, NULL);
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
