/* Options of images: Essex's flags for the image service; [glance] is with the other clients. */
#include "config/options.h"

const Option options_image[] = {
#define GROUP NULL
        STRING("image_service", "nova.image.glance.GlanceImageService", "How images are fetched.", PLANNED),
        STRING("glance_host", "$my_ip", "Host of the image service, for [glance] api_servers.", PLANNED),
        INTEGER("glance_port", "9292", "Its port.", PORT, PLANNED),
#undef GROUP

/* Images where there is no image service: files of a directory, and what the web has. */
#define GROUP "image"
        STRING("directory", "$state_path/images", "Directory of images: <id> or <name>, and beside it <id>.json with what is known of it; "
               "snapshots are put there."),
        LIST("http_urls", NULL, "Where images may be fetched from by requests that name an http or https URL: URLs below which they are, "
             "or the word https or http for anywhere; unset: nowhere. URLs in the files of the directory need no leave."),
        INTEGER("max_size_gb", "256", "GiB of the largest image that is fetched or kept.", RANGE(1, 1048576)),
        INTEGER("max_virtual_size_gb", "16384", "GiB of the largest disk that an image may say it is.", RANGE(1, 8388608)),
        INTEGER("http_connect_timeout", "30", "Seconds to reach a web server.", RANGE(1, 3600)),
        INTEGER("http_stall_timeout", "60", "Seconds below 1 KiB a second after which a transfer is broken.", RANGE(1, 3600)),
        INTEGER("http_retries", "3", "Times a broken transfer is taken up again where it broke.", RANGE(0, 1000)),
        INTEGER("http_redirects", "5", "Redirects that are followed.", RANGE(0, 50)),
        STRING("http_ca_file", NULL, "Certificates of the authorities that are trusted; unset: the system's."),
#undef GROUP
};
const size_t n_options_image = ELEMENTSOF(options_image);
