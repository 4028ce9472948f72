/* davitd.conf as a person's tool sees it: what it says, key by key. Whether it may say that, `davitd --check-config` knows. */
#ifndef CLI_DOCTOR_CONF_H
#define CLI_DOCTOR_CONF_H

#include "base/json.h"

/* "section.key" to text, of the file and of conf.d beside it, the last one rules. NULL on error. The caller frees. */
MUST_CHECK struct json *doctor_conf_read(const char *path, struct error *err);

#endif
