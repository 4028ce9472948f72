/* davitd.conf: one INI file, then conf.d/ beside it, then the command line. An unknown key is an error with file and line. */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "model/pod.h"

struct runtime_config {
    bool enabled;
    struct json *options; /* the other keys of [runtime.NAME] */
};

struct config {
    char *node;
    struct json *labels; /* an object of strings */
    struct text_list groups;
    char *url;
    char *root;
    int64_t max_document_bytes;
    char *username, *password_file, *ca_file, *cert_file, *key_file; /* NULL: none */
    int64_t keepalive_s;
    char *state_dir, *run_dir, *manifests_dir, *libexec_dir, *plugin_dir;
    struct runtime_config crun, fake;
    bool empty_deletes;
    struct text_list host_paths; /* empty: any but Davit's own */
    bool host_paths_set;
};

/* Reads `path`, and what ends in .conf in the folder conf.d beside it, in the order of names. NULL on error, with
 * "FILE:LINE: what, remedy". `required`: the file must exist. The caller frees.
 */
MUST_CHECK struct config *config_read(const char *path, bool required, struct error *err);
/* One "section.key=value" of the command line. */
MUST_CHECK bool config_set(struct config *config, const char *assignment, struct error *err);
/* After the last source: defaults, and what must fit together. */
MUST_CHECK bool config_finish(struct config *config, struct error *err);
void config_free(struct config *config);

#endif
