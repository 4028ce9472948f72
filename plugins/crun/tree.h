/* A process and what it started, for commands of exec: nobody else knows their children. */
#ifndef CRUN_TREE_H
#define CRUN_TREE_H

#include <sys/types.h>

/* Ends a process and all its descendants. What was given to another parent before is not found. */
void tree_kill(pid_t pid);
/* Sends a signal to the children of a process, and not to itself. */
void tree_signal_children(pid_t pid, int number);

#endif
