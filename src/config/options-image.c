/* Options of images: Essex's flags for the image service; [glance] is with the other clients. */
#include "config/options.h"

const Option options_image[] = {
#define GROUP NULL
        STRING("image_service", "nova.image.glance.GlanceImageService", "How images are fetched.", PLANNED),
        STRING("glance_host", "$my_ip", "Host of the image service, for [glance] api_servers.", PLANNED),
        INTEGER("glance_port", "9292", "Its port.", PORT, PLANNED),
#undef GROUP
};
const size_t n_options_image = ELEMENTSOF(options_image);
