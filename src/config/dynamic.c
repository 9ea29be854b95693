/* Defaults that this machine gives: its name, and the address it is reached by; and one that the build gives. */
#include <arpa/inet.h>
#include <config.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "config/config-internal.h"

int dynamic_hostname(char **ret) {
        char name[HOST_NAME_MAX + 1] = "";

        if (gethostname(name, sizeof name) < 0)
                return -errno;
        return (*ret = strdup(*name ? name : "localhost")) ? 0 : -ENOMEM;
}

/* The address that packets to the world would leave from: connecting a datagram socket chooses a route and sends nothing.
 * 192.0.2.1 is set aside for documentation, so it lies behind the default route wherever we are. */
int dynamic_my_ip(char **ret) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(80) };
        char text[INET_ADDRSTRLEN] = "127.0.0.1";
        _cleanup_close_ int fd = -1;
        socklen_t n = sizeof address;

        (void) inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof address) == 0 &&
            getsockname(fd, (struct sockaddr *) &address, &n) == 0)
                (void) inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);

        return (*ret = strdup(text)) ? 0 : -ENOMEM;
}

int dynamic_module_path(char **ret) {
        return (*ret = strdup(MODULE_DIR)) ? 0 : -ENOMEM;
}
