/* A configuration file: INI, or flags where its first line is one. */
#include "config-checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *flag = NULL;

        fuzz_config_text(data, size);

        /* Flag files may name others, and so might read anything of this machine. */
        if (!memmem(data, size, "flagfile", 8)) {
                fuzz_check(asprintf(&flag, "--flagfile=%s", fuzz_config_file(data, size)) > 0);
                fuzz_config((char *[]) { (char *) "nova-compute", flag, NULL }, NULL);
                free(flag);
        }
        return 0;
}
