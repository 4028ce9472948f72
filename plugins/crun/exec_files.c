#include "config.h"

#include "exec_files.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define CONFIG_BYTES (4 * 1024 * 1024)

static void add_terminal(struct json *process, const struct exec_terminal *terminal)
{
    struct json *size = json_set_object(process, "consoleSize"), *env = json_get_mutable(process, "env");

    json_set_integer(size, "height", terminal->rows > 0 ? terminal->rows : 24);
    json_set_integer(size, "width", terminal->columns > 0 ? terminal->columns : 80);
    JSON_EACH(one, env) {
        const char *text = json_text(one);

        if (text != NULL && strncmp(text, "TERM=", 5) == 0)
            return;
    }
    json_add_text(env != NULL ? env : json_set_array(process, "env"), "TERM=xterm");
}

static bool write_process(const struct crun *crun, const char *id, const struct json *command,
                          const struct exec_terminal *terminal, const char *path, struct error *err)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    AUTO_FREE char *config_path = mem_printf("%s/config.json", bundle);
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *out = NULL;
    size_t len;

    if (json_size(command) == 0)
        return error_set(err, ERROR_INVALID, "exec needs a command");
    if (!file_read(config_path, CONFIG_BYTES, &text, &len, err))
        return false;
    AUTO_JSON struct json *config = json_parse(text, len, err);
    struct json *process = json_get_mutable(config, "process");
    if (process == NULL)
        return error_set(err, ERROR_INVALID, "%s has no process", config_path);
    json_set(process, "args", json_copy(command));
    json_set_boolean(process, "terminal", terminal != NULL);
    json_remove(process, "consoleSize");
    if (terminal != NULL)
        add_terminal(process, terminal);
    out = json_print(process);
    return file_write_atomic(path, out, strlen(out), 0600, false, err);
}

static void make_argv(const struct crun *crun, const char *id, const char *process_path, bool has_terminal,
                      struct exec_files *files)
{
    size_t count = 0, option = 0;

    files->options[0] = mem_printf("--root=%s/crun", crun->run_dir);
    files->options[1] = mem_printf("--log=file:%s", files->log_path);
    files->options[2] = mem_printf("--pid-file=%s", files->pid_path);
    files->options[3] = mem_printf("--process=%s", process_path);
    files->options[4] = has_terminal ? mem_printf("--console-socket=%s", files->console_path) : NULL;
    files->argv[count++] = crun->crun_path;
    files->argv[count++] = files->options[option++];
    files->argv[count++] = files->options[option++];
    files->argv[count++] = crun_manager(crun);
    files->argv[count++] = "exec";
    while (option < 5 && files->options[option] != NULL)
        files->argv[count++] = files->options[option++];
    files->argv[count++] = id;
    files->argv[count] = NULL;
}

bool exec_files_make(const struct crun *crun, const char *id, const char *word, const struct json *command,
                     const struct exec_terminal *terminal, struct exec_files *files, struct error *err)
{
    static unsigned serial;
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    unsigned number = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);

    files->stem = mem_printf("%s/%s-%u", bundle, word, number);
    files->pid_path = mem_printf("%s.pid", files->stem);
    files->log_path = mem_printf("%s.log", files->stem);
    files->console_path = mem_printf("%s.sock", files->stem);
    AUTO_FREE char *process_path = mem_printf("%s.json", files->stem);
    make_argv(crun, id, process_path, terminal != NULL, files);
    return write_process(crun, id, command, terminal, process_path, err);
}

void exec_files_remove(struct exec_files *files)
{
    static const char *const ends[] = {"json", "pid", "log", "sock"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        AUTO_FREE char *path = mem_printf("%s.%s", files->stem, ends[i]);

        unlink(path);
    }
    for (size_t i = 0; i < sizeof(files->options) / sizeof(files->options[0]); i++)
        free(files->options[i]);
    free(files->stem);
    free(files->pid_path);
    free(files->log_path);
    free(files->console_path);
}
