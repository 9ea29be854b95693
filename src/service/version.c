#include "service/version.h"

#include "config.h"
#include "vcs-version.h"

const char *version_string(void) {
        return PACKAGE_VERSION;
}

const char *version_vcs_string(void) {
        return VCS_VERSION;
}

const char *version_string_with_vcs(void) {
        return PACKAGE_VERSION "-" VCS_VERSION;
}
