/* Samples on the disk: files of lines in a folder, numbered in the order of time. A file is only ever appended to, in one life
 * of davitd, and removed as a whole.
 */
#ifndef CORE_HISTORY_FILES_H
#define CORE_HISTORY_FILES_H

#include "base/error.h"
#include "model/history.h"

struct history_file {
    uint64_t number;
    size_t bytes;
};

struct history_files {
    struct history_file *list; /* the oldest first */
    size_t count, bytes;
    uint64_t last; /* number of the newest that ever was */
};

/* What is there; a folder that is not there is empty. */
void history_files_read(const char *folder, struct history_files *files);
void history_files_free(struct history_files *files);
char *history_file_path(const char *folder, uint64_t number); /* the caller frees */
/* Appends, and has it on the disk before it returns: may take long. */
MUST_CHECK bool history_file_append(const char *path, const char *text, size_t len, struct error *err);
/* Appends a file's samples. How many of its lines cannot be read. May take long. */
size_t history_file_read(const char *path, struct history *out);
void history_file_remove(const char *path); /* may take long */
void history_files_forget_oldest(struct history_files *files);

#endif
