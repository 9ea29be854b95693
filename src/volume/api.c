/* Client of the volume service: one function per message of essex 17.3. */
#include "volume/api.h"

#include <assert.h>
#include <errno.h>

struct VolumeApi {
        Messenger *messenger;
        char *topic;
};

static const char *const class_names[] = {
        "nova.volume.api.API",
        "nova.volume.API",
        NULL,
};

int volume_api_new(VolumeApi **ret, const Config *config, Messenger *m, NovaException *e) {
        _cleanup_(volume_api_freep) VolumeApi *a = NULL;
        const char *name;
        size_t n;

        assert(ret && config);

        name = strempty(config_string(config, "volume_api_class"));
        for (n = 0; class_names[n]; n++)
                if (streq(class_names[n], name))
                        break;
        if (!class_names[n])
                return exception_setf(e, EXC_CLASS_NOT_FOUND,
                                      "Class %s could not be found: volume_api_class may be %s", name, class_names[0]);

        a = calloc(1, sizeof *a);
        if (!a || !(a->topic = strdup(strempty(config_string(config, "volume_topic")))))
                return -ENOMEM;
        a->messenger = m;

        *ret = TAKE_PTR(a);
        return 0;
}

VolumeApi *volume_api_free(VolumeApi *a) {
        if (!a)
                return NULL;
        free(a->topic);
        free(a);
        return NULL;
}

void volume_api_set_messenger(VolumeApi *a, Messenger *m) {
        assert(a);
        a->messenger = m;
}

/* Takes over @args (NULL: out of memory). @host NULL: any volume service. */
static int api_call(VolumeApi *a, const RequestContext *c, const char *host, const char *method, json_t *args, json_t **ret,
                    NovaException *e) {
        json_auto_t *owned = args, *result = NULL;
        const MessageTarget target = { .topic = a->topic, .server = host, .format = WIRE_ESSEX };
        int r;

        if (!args)
                return -ENOMEM;
        if (!a->messenger) {
                (void) exception_setf(e, EXC_NOVA, "Cannot send %s to the volume service: there is no messenger", method);
                return -ENOTCONN;
        }

        r = a->messenger->call(a->messenger, &target, c, method, owned, 0, &result, e);
        if (r < 0)
                return r;
        if (ret)
                *ret = TAKE_PTR(result);
        return 0;
}

int volume_api_attach(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id, int64_t instance_id,
                      const char *mountpoint, NovaException *e) {
        assert(a && host && mountpoint);

        return api_call(a, c, host, "attach_volume",
                        json_pack("{s:I, s:I, s:s}", "volume_id", (json_int_t) volume_id, "instance_id",
                                  (json_int_t) instance_id, "mountpoint", mountpoint),
                        NULL, e);
}

int volume_api_detach(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id, NovaException *e) {
        assert(a && host);

        return api_call(a, c, host, "detach_volume", json_pack("{s:I}", "volume_id", (json_int_t) volume_id), NULL, e);
}

int volume_api_initialize_connection(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id,
                                     const json_t *connector, json_t **ret, NovaException *e) {
        assert(a && host && ret);

        return api_call(a, c, host, "initialize_connection",
                        json_pack("{s:I, s:O?}", "volume_id", (json_int_t) volume_id, "connector", connector), ret, e);
}

int volume_api_terminate_connection(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id,
                                    const json_t *connector, NovaException *e) {
        assert(a && host);

        return api_call(a, c, host, "terminate_connection",
                        json_pack("{s:I, s:O?}", "volume_id", (json_int_t) volume_id, "connector", connector), NULL, e);
}

int volume_api_check_for_export(VolumeApi *a, const RequestContext *c, int64_t instance_id, NovaException *e) {
        assert(a);

        return api_call(a, c, NULL, "check_for_export", json_pack("{s:I}", "instance_id", (json_int_t) instance_id), NULL, e);
}
