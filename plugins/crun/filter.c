#include "config.h"

#include "filter.h"

#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/memory.h"

#define INSTRUCTION_BYTES 8u
#define FILTER_BYTES (4096u * INSTRUCTION_BYTES) /* the kernel takes no more */

char *filter_known(struct crun *crun)
{
    char *filter;

    pthread_mutex_lock(&crun->lock);
    filter = mem_strdup(crun->filter);
    pthread_mutex_unlock(&crun->lock);
    return filter;
}

void filter_learn(struct crun *crun, const char *id)
{
    AUTO_FREE char *folder = crun_status_path(crun, id);
    AUTO_FREE char *path = mem_printf("%s/seccomp.bpf", folder);
    AUTO_FREE char *data = NULL;
    struct error ignored; /* without it crun compiles, as ever */
    size_t len = 0;

    if (!file_read_regular(path, FILTER_BYTES, &data, &len, &ignored) || len == 0 || len % INSTRUCTION_BYTES != 0)
        return;
    pthread_mutex_lock(&crun->lock);
    if (crun->filter == NULL)
        crun->filter = base64_encode(data, len);
    pthread_mutex_unlock(&crun->lock);
}
