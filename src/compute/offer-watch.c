/* Keeps what is shown of the offer up to date: read when the service starts, after a reload, when a snapshot has put an image there, and
 * when the image directory changes under us. */
#define LOG_LOGGER "nova.compute.manager"
#include <sys/inotify.h>

#include "basic/log.h"
#include "compute/compute.h"
#include "compute/offer.h"

#define SETTLE (500 * USEC_PER_MSEC)    /* a copy under way is many changes */

static void read_offer(ComputeManager *m, const char *uuid _unused_) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        Offer *offer;

        atomic_store(&m->offer_submitted, false);
        if (offer_read(config, &offer) >= 0)
                compute_manager_show_offer(m, offer);
}

void compute_offer_refresh(ComputeManager *m) {
        if (atomic_exchange(&m->offer_submitted, true))
                return;
        if (compute_manager_submit(m, JOB_PERIODIC, "read_offer", NULL, 0, read_offer) < 0)
                atomic_store(&m->offer_submitted, false);
}

static int on_settled(sd_event_source *s _unused_, uint64_t now _unused_, void *userdata) {
        compute_offer_refresh(userdata);
        return 0;
}

static int on_directory(sd_event_source *s _unused_, const struct inotify_event *event, void *userdata) {
        ComputeManager *m = userdata;
        int enabled = SD_EVENT_OFF;

        if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF))
                m->images_watch = sd_event_source_disable_unref(m->images_watch);       /* another may come */
        (void) sd_event_source_get_enabled(m->images_timer, &enabled);
        if (enabled != SD_EVENT_OFF)
                return 0;
        (void) sd_event_source_set_time_relative(m->images_timer, SETTLE);
        (void) sd_event_source_set_enabled(m->images_timer, SD_EVENT_ONESHOT);
        return 0;
}

/* Where there is no directory yet, the next refresh looks again. */
void compute_offer_watch(ComputeManager *m) {
        _cleanup_(config_unrefp) Config *config = NULL;
        int r;

        if (m->images_watch)
                return;
        if (!m->images_timer) {
                r = sd_event_add_time_relative(m->event, &m->images_timer, CLOCK_MONOTONIC, 0, 0, on_settled, m);
                if (r < 0)
                        return;
                (void) sd_event_source_set_enabled(m->images_timer, SD_EVENT_OFF);
                (void) sd_event_source_set_description(m->images_timer, "images-settle");
        }
        config = compute_manager_config(m);
        r = sd_event_add_inotify(m->event, &m->images_watch, strempty(config_string(config, "image.directory")),
                                 IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
                                 on_directory, m);
        if (r < 0) {
                log_debug("The image directory is not watched: %s", strerror(-r));
                return;
        }
        (void) sd_event_source_set_description(m->images_watch, "images");
}
