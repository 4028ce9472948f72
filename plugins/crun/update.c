#include "config.h"

#include "update.h"

#include "base/memory.h"
#include "cgroup.h"
#include "document.h"

bool update_limits(struct crun *crun, const char *uid, const struct json *containers, struct error *err)
{
    JSON_EACH(one, containers) {
        AUTO_JSON struct json *named = json_copy(one);
        AUTO_FREE char *text = NULL;
        struct address address;
        bool good;

        json_set_text(named, "uid", uid);
        text = json_print(named);
        good = address_parse(text, true, &address, err);
        AUTO_FREE char *path = good ? cgroup_of(crun, address.id) : NULL;
        address_free(&address);
        if (!good || (path != NULL && !cgroup_limit(crun, path, json_get(one, "linux"), err)))
            return false;
    }
    return true;
}

/* Before the containers' and again after them: a container's may not be above its pod's, before, in between and after. */
bool update_pod(struct crun *crun, const struct json *json, const char *uid, bool before, struct error *err)
{
    AUTO_FREE char *path = cgroup_pod_path(crun, uid);
    const struct json *limits = json_get(json, "linux");

    if (limits == NULL || json_size(json_get(json, "containers")) == 0)
        return true;
    return cgroup_limit(crun, path, limits, err) || before;
}
