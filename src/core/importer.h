/* An archive becomes images, or a disk one: davit-unpack makes the folders, this puts them in their place. Deciding thread only. */
#ifndef CORE_IMPORTER_H
#define CORE_IMPORTER_H

#include "core/daemon.h"

struct importer;

/* Called with each frame of `result` or `progress` shape (docs/wire.md); a result is the last one. `answer` is taken. */
typedef void (*importer_answer)(void *ctx, struct json *answer_taken, bool last);

/* Starts reading `fd` (duplicated). `references` replace the archive's own names; NULL or empty: they are kept. */
struct importer *importer_start(struct daemon *daemon, int fd, const struct json *references, importer_answer answer,
                                void *ctx);
/* The same of a disk, which is read once and may be a pipe; `references` says what it is to be called. */
struct importer *importer_start_disk(struct daemon *daemon, int fd, const struct json *references, importer_answer answer,
                                     void *ctx);
/* Nobody waits for the answer any more; the import goes on. */
void importer_detach(struct importer *importer);

#endif
