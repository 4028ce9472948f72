#include "config.h"

#include "vms.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/memory.h"

#define QEMU_IMG "/usr/bin/qemu-img"

char *vms_folder(const struct vms *vms, const char *id)
{
    return mem_printf("%s/vms/%s", vms->run_dir, id);
}

int vms_call_fd(const struct vms *vms, struct davit_call *call, const char *name)
{
    bool known = vms->host->size >= offsetof(struct davit_runtime_host, call_fd) + sizeof(vms->host->call_fd);

    return known ? vms->host->call_fd(call, name) : -1;
}

void vms_log(const struct vms *vms, int level, const char *format, ...)
{
    char line[ERROR_MESSAGE_BYTES * 2];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    vms->host->log(level, line);
}

void vms_tell(const struct vms *vms, const char *event, const char *message)
{
    AUTO_JSON struct json *json = json_new_texts("event", event, NULL);
    AUTO_FREE char *text = NULL;

    json_set_text(json, "message", message);
    text = json_print(json);
    if (vms->open)
        vms->host->notify(vms->host, text);
}

struct disk_place vms_disk_place(const struct vms *vms, const char *id, int cancel_fd, char **run_dir)
{
    *run_dir = vms_folder(vms, id);
    return (struct disk_place){.state_dir = vms->state_dir, .run_dir = *run_dir, .qemu_img = QEMU_IMG,
                               .unpack = vms->unpack, .cancel_fd = cancel_fd};
}
