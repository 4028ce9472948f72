#include "core/exec.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "core/choice.h"
#include "core/runtime.h"
#include "davit/limits.h"

/* A command whose end is waited for. */
struct exec {
    int64_t id;
    const struct runtime_state *runtime; /* NULL: davit-probe, of a connection (core/forward) */
    char console[8]; /* "serial", "vnc"; "": a command */
    char uid[POD_UID_BYTES];
    bool left; /* by its asker */
    exec_done done; /* NULL: by nobody */
    void *ctx;
    struct exec *next;
};

const char *const exec_fd_names[EXEC_FDS] = { "stdin", "stdout", "stderr", "control" };

static struct json *document_new(const struct choice *choice, const struct json *request)
{
    const char *console = json_get_text(request, "console");
    struct json *document = json_new_texts("uid", choice->object->uid, "container", choice->container->name, NULL);
    json_set_integer(document, "attempt", choice->newest->attempt);
    if (console != NULL)
        json_set_text(document, "console", console);
    else
        json_set(document, "command", json_copy(json_get(request, "command")));
    json_set_boolean(document, "stream", true);
    if (console != NULL)
        return document;
    json_set_boolean(document, "stdin", json_get_boolean(request, "stdin", false));
    json_set_boolean(document, "tty", json_get_boolean(request, "tty", false));
    json_set_integer(document, "columns", json_get_integer(request, "columns", 0));
    json_set_integer(document, "rows", json_get_integer(request, "rows", 0));
    return document;
}

static bool command_is_usable(const struct json *command)
{
    if (json_type(command) != JSON_ARRAY || json_size(command) == 0 || json_size(command) > LIMIT_ARGS)
        return false;
    JSON_EACH(word, command)
        if (json_text(word) == NULL)
            return false;
    return true;
}

static size_t count(const struct core *core, bool forwards)
{
    size_t number = 0;
    for (const struct exec *exec = core->execs; exec != NULL; exec = exec->next)
        number += (exec->runtime == NULL) == forwards;
    return number;
}

/* Of two on one console each would see a part. */
static bool is_in_use(const struct core *core, const char *console, const char *uid)
{
    for (const struct exec *exec = core->execs; exec != NULL; exec = exec->next)
        if (!exec->left && strcmp(exec->console, console) == 0 && strcmp(exec->uid, uid) == 0)
            return true;
    return false;
}

static struct json *refuse_console(const struct core *core, const char *console, const struct choice *choice)
{
    if (strcmp(console, "serial") != 0 && strcmp(console, "vnc") != 0)
        return choice_refuse("InvalidRequest", mem_strdup("\"console\" is serial or vnc"));
    if (choice->pod->vm == NULL)
        return choice_refuse("InvalidRequest", mem_printf("pod %s has no console, only a virtual machine has: davit exec -it %s -- sh",
                                                   choice->object->id.name, choice->object->id.name));
    if (is_in_use(core, console, choice->object->uid))
        return choice_refuse("Busy", mem_printf("somebody has the %s console of %s already", console, choice->object->id.name));
    return NULL;
}

/* NULL: it may run. */
static struct json *refuse(const struct core *core, const struct json *request, const struct choice *choice)
{
    const char *console = json_get_text(request, "console");
    struct json *no = console != NULL ? refuse_console(core, console, choice) : NULL;
    if (no != NULL)
        return no;
    if (console == NULL && !command_is_usable(json_get(request, "command")))
        return choice_refuse("InvalidRequest", mem_printf("a command of 1 to %d words is needed", LIMIT_ARGS));
    bool runs = choice->newest != NULL && choice->newest->state == INSTANCE_RUNNING;
    if (!runs && choice->pod->vm != NULL)
        return choice_refuse("NotRunning", mem_printf("virtual machine %s is not running: davit describe vm %s says why",
                                                      choice->object->id.name, choice->object->id.name));
    if (!runs)
        return choice_refuse("NotRunning", mem_printf("container %s in pod %s is not running", choice->container->name,
                                                      choice->object->id.name));
    const struct runtime_state *runtime = runtime_seen(core, choice->object);
    if (!runtime->up || !runtime->listed)
        return choice_refuse("Unavailable", mem_strdup("the runtime host is not there yet: try again in a moment"));
    if (count(core, false) >= LIMIT_EXECS)
        return choice_refuse("TooManyCommands", mem_printf("%d commands run in containers of this device already: end one of "
                                                           "them first", LIMIT_EXECS));
    return NULL;
}

/* Those that are there, in their order, with their names. */
static size_t pack(const int fds[EXEC_FDS], int packed[EXEC_FDS], const char *names[EXEC_FDS])
{
    size_t packed_count = 0;
    for (size_t i = 0; i < EXEC_FDS; i++)
        if (fds[i] >= 0) {
            names[packed_count] = exec_fd_names[i];
            packed[packed_count++] = fds[i];
        }
    return packed_count;
}

static int64_t begin(struct core *core, const struct choice *choice, const struct json *request, const int fds[EXEC_FDS],
                     exec_done done, void *ctx)
{
    const char *names[EXEC_FDS];
    int packed[EXEC_FDS];
    size_t fd_count = pack(fds, packed, names);
    struct exec *exec = mem_alloc(sizeof(*exec));
    *exec = (struct exec){ .id = ++core->last_call, .runtime = runtime_of(core, choice->object), .done = done, .ctx = ctx };
    const char *console = json_get_text(request, "console");
    snprintf(exec->console, sizeof(exec->console), "%s", console != NULL ? console : "");
    memcpy(exec->uid, choice->object->uid, sizeof(exec->uid));
    LL_PREPEND(core->execs, exec);
    AUTO_JSON struct json *document = document_new(choice, request);
    runtime_send_fds(core, exec->runtime, exec->id, "exec", LIMIT_EXEC_MS, document, packed, names, fd_count);
    return exec->id;
}

int64_t exec_begin(struct core *core, const struct json *request, int fds[EXEC_FDS], exec_done done, void *ctx,
                   struct json **said)
{
    struct choice choice;
    int64_t id = 0;
    if (choice_make(core, request, &choice, said))
        *said = refuse(core, request, &choice);
    if (*said == NULL) {
        id = begin(core, &choice, request, fds, done, ctx);
        *said = json_new_object();
        json_set_boolean(*said, "ok", true);
        choice_tell(&choice, *said);
    }
    for (size_t i = 0; i < EXEC_FDS; i++)
        fd_close_at(&fds[i]);
    return id;
}

void exec_left(struct core *core, int64_t id)
{
    struct exec *exec;
    LL_SEARCH_SCALAR(core->execs, exec, id, id);
    if (exec != NULL)
        exec->left = true;
}

void exec_forget(struct core *core, int64_t id)
{
    struct exec *exec;
    exec_left(core, id);
    LL_SEARCH_SCALAR(core->execs, exec, id, id);
    if (exec != NULL)
        exec->done = NULL;
}

static void finish(struct core *core, struct exec *exec, const struct json *result)
{
    LL_DELETE(core->execs, exec);
    if (exec->done != NULL)
        exec->done(exec->ctx, result);
    free(exec);
}

bool exec_answered(struct core *core, const struct frame_view *frame)
{
    int64_t id = json_get_integer(frame->head, "id", 0);
    struct error ignored; /* an answer without an exit code is a failure */
    struct exec *exec;
    LL_SEARCH_SCALAR(core->execs, exec, id, id);
    if (exec == NULL)
        return false;
    AUTO_JSON struct json *answer = frame->body_len > 0 ? json_parse(frame->body, frame->body_len, &ignored) : NULL;
    AUTO_JSON struct json *result = NULL;
    bool good = json_get_boolean(frame->head, "ok", false);
    if (good && (exec->console[0] != '\0' || json_get(answer, "exitCode") != NULL)) {
        result = json_new_object();
        json_set_boolean(result, "ok", true);
        json_set_integer(result, "exitCode", json_get_integer(answer, "exitCode", 0));
    } else {
        const char *reason = json_get_text(frame->head, "reason");
        const char *message = json_get_text(frame->head, "message");
        result = choice_refuse(reason != NULL ? reason : "RuntimeError",
                               mem_strdup(message != NULL ? message : "the runtime did not say how the command ended"));
    }
    finish(core, exec, result);
    return true;
}

void exec_end_all(struct core *core, const struct runtime_state *runtime, const char *reason, const char *message)
{
    AUTO_JSON struct json *result = choice_refuse(reason, mem_strdup(message));
    struct exec *exec, *following;
    LL_FOREACH_SAFE(core->execs, exec, following)
        if (runtime == NULL || exec->runtime == runtime)
            finish(core, exec, result);
}

int64_t exec_add_forward(struct core *core, exec_done done, void *ctx)
{
    struct exec *exec = mem_alloc(sizeof(*exec));
    *exec = (struct exec){ .id = ++core->last_call, .done = done, .ctx = ctx };
    LL_PREPEND(core->execs, exec);
    return exec->id;
}

size_t exec_forwards(const struct core *core)
{
    return count(core, true);
}

void exec_finish(struct core *core, int64_t id, const struct json *result)
{
    struct exec *exec;
    LL_SEARCH_SCALAR(core->execs, exec, id, id);
    if (exec != NULL && exec->runtime == NULL)
        finish(core, exec, result);
}

void exec_end_forwards(struct core *core, const char *reason, const char *message)
{
    AUTO_JSON struct json *result = choice_refuse(reason, mem_strdup(message));
    struct exec *exec, *following;
    LL_FOREACH_SAFE(core->execs, exec, following)
        if (exec->runtime == NULL)
            finish(core, exec, result);
}
