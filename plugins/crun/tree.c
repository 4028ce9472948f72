#include "config.h"

#include "tree.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define CHILDREN_BYTES 65536
#define TREE_DEPTH 64

static void each_child(pid_t pid, void (*visit)(pid_t child, int how), int how)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/task/%d/children", pid, pid);
    AUTO_FREE char *text = NULL;
    struct error ignored; /* it has gone */
    size_t len;

    if (!file_read(path, CHILDREN_BYTES, &text, &len, &ignored))
        return;
    for (char *at = text, *end; *at != '\0'; at = end + strspn(end, " \n")) {
        long child = strtol(at, &end, 10);

        if (end == at)
            return;
        visit((pid_t)child, how);
    }
}

/* Held before its children are looked up: one that dies hands them over, and one that runs makes others. */
static void kill_branch(pid_t pid, int depth)
{
    kill(pid, SIGSTOP);
    if (depth > 0)
        each_child(pid, kill_branch, depth - 1);
    kill(pid, SIGKILL);
}

void tree_kill(pid_t pid)
{
    kill_branch(pid, TREE_DEPTH);
}

static void send(pid_t pid, int number)
{
    kill(pid, number);
}

void tree_signal_children(pid_t pid, int number)
{
    each_child(pid, send, number);
}
