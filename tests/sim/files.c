#include "files.h"

#include <string.h>

#include "accepted.h"
#include "base/file.h"
#include "base/memory.h"
#include "content.h"
#include "node.h"

#define QUIET_MS 200 /* as davitd waits for an editor */

static void quiet(struct sim *sim, struct event *event)
{
    if (event->node_epoch == sim->node.epoch)
        node_read_files(sim);
}

static void put(struct sim *sim, const char *name, const char *text)
{
    struct error err;
    AUTO_FREE char *path = mem_printf("%s/manifests/%s", sim->folder, name);
    if (text == NULL)
        unlink(path);
    else if (!file_write_atomic(path, text, strlen(text), 0600, false, &err))
        sim_fail(sim, "start", "%s", err.message);
    sim_note(sim, "file %s: %s", name, text != NULL ? text : "removed");
    sim_after(sim, QUIET_MS, quiet);
}

void files_write(struct sim *sim, int pod, int content)
{
    AUTO_FREE char *name = mem_printf("p%d.json", pod);
    AUTO_FREE char *text = content_write(sim, pod, content, -1);
    sim->operator.slots[pod][FROM_FILES] = (struct intent){ .filled = true, .content = content };
    put(sim, name, text);
}

void files_remove(struct sim *sim, int pod)
{
    AUTO_FREE char *name = mem_printf("p%d.json", pod);
    sim->operator.slots[pod][FROM_FILES].filled = false;
    put(sim, name, NULL);
}

void files_garbage(struct sim *sim, bool there)
{
    sim->operator.garbage_file = there;
    put(sim, "broken.yaml", there ? "kind: [Pod\n" : NULL);
}

void files_deliver(struct sim *sim)
{
    for (int pod = 0; pod < SIM_PODS; pod++) {
        const struct intent *intent = &sim->operator.slots[pod][FROM_FILES];
        if (intent->filled)
            accepted_deliver_file(sim, pod, intent->content);
        else if (!sim->operator.garbage_file)
            accepted_deliver_file(sim, pod, -1);
    }
}
