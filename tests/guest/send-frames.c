/* Within the guest: sends Ethernet frames as they are given. usage: send-frames INTERFACE HEX… */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
        struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
        int fd = socket(AF_PACKET, SOCK_RAW, 0);

        if (argc < 3 || fd < 0 || !(to.sll_ifindex = (int) if_nametoindex(argv[1]))) {
                perror("send-frames");
                return 1;
        }
        for (int i = 2; i < argc; i++) {
                unsigned char frame[ETH_FRAME_LEN];
                size_t n = 0;
                unsigned byte;

                while (n < sizeof frame && sscanf(argv[i] + 2 * n, "%2x", &byte) == 1)
                        frame[n++] = (unsigned char) byte;
                memcpy(to.sll_addr, frame, ETH_ALEN);
                if (sendto(fd, frame, n, 0, (struct sockaddr *) &to, sizeof to) < 0) {
                        perror(argv[i]);
                        return 1;
                }
        }
        return 0;
}
