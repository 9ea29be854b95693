/* Runs a fuzzer's function over the files of a directory, and over changes of them that a fixed seed makes: the same ones
 * at every run, so that a failure can be repeated. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_READ = 65536, CHANGES = 150 };

static uint32_t next_random(uint32_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

/* Changes, drops or doubles a few bytes. */
static size_t change(uint8_t *data, size_t size, uint32_t *state) {
        for (uint32_t n = next_random(state) % 4 + 1; n > 0 && size > 1; n--) {
                size_t at = next_random(state) % size, length = next_random(state) % (size - at) % 16;

                switch (next_random(state) % 3) {
                case 0:
                        data[at] = (uint8_t) next_random(state);
                        break;
                case 1:
                        memmove(data + at, data + at + length, size - at - length);
                        size -= length;
                        break;
                default:
                        memmove(data + at + length, data + at, size - at);
                        size += length;
                }
        }
        return size;
}

int main(int argc, char **argv) {
        struct dirent **entries;
        unsigned inputs = 0;
        int n;

        if (argc < 2 || (n = scandir(argv[1], &entries, NULL, alphasort)) < 0) {
                fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
                return EXIT_FAILURE;
        }

        for (int i = 0; i < n; i++) {
                static uint8_t original[SIZE_MAX_READ], changed[SIZE_MAX_READ + 256];
                uint32_t state = 2463534242;
                char path[4096];
                size_t size;
                FILE *f;

                snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
                if (*entries[i]->d_name != '.' && (f = fopen(path, "re"))) {
                        size = fread(original, 1, sizeof original, f);
                        fclose(f);
                        LLVMFuzzerTestOneInput(original, size);
                        for (unsigned k = 0; k < CHANGES; k++, inputs++) {
                                /* A copy of exact size, so that a sanitizer sees each byte read beyond it. */
                                uint8_t *exact;
                                size_t m;

                                memcpy(changed, original, size);
                                m = change(changed, size, &state);
                                exact = malloc(m ? m : 1);
                                if (!exact)
                                        return EXIT_FAILURE;
                                memcpy(exact, changed, m);
                                LLVMFuzzerTestOneInput(exact, m);
                                free(exact);
                        }
                }
                free(entries[i]);
        }
        free(entries);

        printf("%u inputs\n", inputs);
        return inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
