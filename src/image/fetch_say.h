/* What davit-fetch says to its parent. The parent always reads; when it is gone the process ends in here. */
#ifndef IMAGE_FETCH_SAY_H
#define IMAGE_FETCH_SAY_H

#include "image/fetch_job.h"

void say_progress(const struct job *job);
void say_got(const struct job *job);
void say_failed(const struct job *job);

#endif
