/* The manifests folder, a real one. */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "sim.h"

void files_write(struct sim *sim, int pod, int content);
void files_remove(struct sim *sim, int pod);
/* A file that cannot be read, and is gone again. */
void files_garbage(struct sim *sim, bool there);
/* davitd is about to read the folder. */
void files_deliver(struct sim *sim);

#endif
