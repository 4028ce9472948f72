/* What crun exec wants to read and write: files in the container's bundle, gone with the command. */
#ifndef CRUN_EXEC_FILES_H
#define CRUN_EXEC_FILES_H

#include "crun.h"

struct exec_files {
    char *stem; /* BUNDLE/WORD-NUMBER; the files are STEM.json … */
    char *pid_path, *log_path, *console_path;
    char *options[5];      /* what argv points to */
    const char *argv[10];
};

struct exec_terminal {
    int64_t columns, rows; /* 0: not known */
};

/* Writes the process document: the container's own process with another command, so that whatever it may not, the
 * command may not either. `word` ("exec", "stream") begins the files' names; `terminal` NULL: it has none. */
MUST_CHECK bool exec_files_make(const struct crun *crun, const char *id, const char *word, const struct json *command,
                                const struct exec_terminal *terminal, struct exec_files *files, struct error *err);
/* Also after a failure. */
void exec_files_remove(struct exec_files *files);

#endif
