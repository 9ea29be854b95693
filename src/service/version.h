/* The daemon's version in the forms of the seed (essex 6.5). Constants. */
#pragma once

const char *version_string(void);               /* "0.1.0" */
const char *version_vcs_string(void);           /* what the source control calls it, or "LOCALBRANCH:LOCALREVISION" */
const char *version_string_with_vcs(void);      /* "0.1.0-<vcs>": the line at the start */
