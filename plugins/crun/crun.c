#include "config.h"

#include "crun.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"

char *crun_bundle_path(const struct crun *crun, const char *id)
{
    return mem_printf("%s/bundles/%s", crun->run_dir, id);
}

char *crun_upper_path(const struct crun *crun, const char *id)
{
    return mem_printf("%s/upper/%s", crun->state_dir, id);
}

char *crun_exit_path(const struct crun *crun, const char *id)
{
    return mem_printf("%s/exits/%s", crun->run_dir, id);
}

char *crun_status_path(const struct crun *crun, const char *id)
{
    return mem_printf("%s/crun/%s", crun->run_dir, id);
}

const char *crun_manager(const struct crun *crun)
{
    return crun->systemd ? "--cgroup-manager=systemd" : "--cgroup-manager=cgroupfs";
}

void crun_log(const struct crun *crun, int level, const char *format, ...)
{
    char line[ERROR_MESSAGE_BYTES * 2];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    crun->host->log(level, line);
}
