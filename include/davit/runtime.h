/* The plugin ABI: how Davit runs a workload. The only installed header.
 *
 * A plugin is a shared object with one symbol, `davit_runtime_plugin`. davit-runtime, a process of its own for each
 * plugin, loads it and calls it from a fixed pool of threads: calls may block. Lifecycle calls of one workload never
 * overlap; those of different workloads do. Every call has a deadline after which its answer is ignored.
 *
 * Workloads come and go as JSON text (UTF-8, NUL-terminated) in Kubernetes' shape, so that the ABI does not change with
 * every field; docs/plugins.md describes each document. Unknown fields are to be ignored.
 */
#ifndef DAVIT_RUNTIME_H
#define DAVIT_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changed only when an old plugin could no longer run; new operations are added at the end and told by `size`. */
#define DAVIT_RUNTIME_ABI 1

/* What a call returns. Other values are taken for DAVIT_FAILED. */
enum davit_result {
    DAVIT_OK = 0,
    DAVIT_FAILED = 1,      /* try again later, with a back-off */
    DAVIT_INVALID = 2,     /* cannot work as asked: only another document helps */
    DAVIT_NOT_FOUND = 3,
    DAVIT_UNAVAILABLE = 4  /* the runtime below is away (libvirtd stopped): try again when it is back */
};

/* Where a call puts its answer. The host owns both; a plugin fills them with host->answer and host->fail. */
struct davit_call;

struct davit_runtime_host {
    uint32_t size; /* of this struct, as the host knows it */
    /* Any thread, any time after open. `event` is copied. */
    void (*notify)(const struct davit_runtime_host *host, const char *event);
    /* The call's answer, JSON; copied. Without one it is `{}`. */
    void (*answer)(struct davit_call *call, const char *json);
    /* Why it failed: a CamelCase reason and a sentence for a person. Copied; cut at 1 KiB. Returns `result`. */
    enum davit_result (*fail)(struct davit_call *call, enum davit_result result, const char *reason, const char *message);
    /* One line for the log; level as syslog's: 3 error, 4 warning, 6 info, 7 debug. */
    void (*log)(int level, const char *line);
    /* A descriptor that becomes readable when the call's deadline is over. -1: none. Owned by the host. */
    int (*cancel_fd)(struct davit_call *call);
    /* Hosts may have less than what follows: `size` tells. */
    /* A descriptor that came with the call, by its name ("stdin", "stdout", "stderr", "control"). -1: none. Owned by the
     * host, which closes it when the call returns. */
    int (*call_fd)(struct davit_call *call, const char *name);
};

struct davit_runtime_plugin {
    uint32_t abi;  /* DAVIT_RUNTIME_ABI */
    uint32_t size; /* sizeof(struct davit_runtime_plugin), as the plugin knows it */
    const char *name;

    /* Once, before anything else. `config` is the JSON of `[runtime.NAME]` and paths. *ctx is handed to every call. It
     * clears away what an earlier host left half made, and leaves alone what runs. */
    enum davit_result (*open)(const struct davit_runtime_host *host, const char *config, void **ctx, struct davit_call *call);
    /* The host ends; calls may still be under way. Workloads run on, commands of exec as a stream do not. */
    void (*close)(void *ctx);

    /* Everything that exists now, running or not, whoever started it. */
    enum davit_result (*list)(void *ctx, struct davit_call *call);
    /* Makes one instance of a workload, ready to start. Doing it again with the same (uid, name, attempt) is no error
     * and makes no second one. */
    enum davit_result (*create)(void *ctx, const char *document, struct davit_call *call);
    /* Starts what was created. Already running: DAVIT_OK. */
    enum davit_result (*start)(void *ctx, const char *document, struct davit_call *call);
    /* Asks it to end (force: ends it). Returns at once; the end itself comes by notify. Already ended: DAVIT_OK. */
    enum davit_result (*stop)(void *ctx, const char *document, struct davit_call *call);
    /* Removes an instance that does not run, with all that was made for it. Absent: DAVIT_OK. */
    enum davit_result (*remove)(void *ctx, const char *document, struct davit_call *call);
    /* Removes what the workload's instances shared. Absent: DAVIT_OK. */
    enum davit_result (*release)(void *ctx, const char *document, struct davit_call *call);

    /* From here on a plugin may have less: `size` tells, and what is not there is answered as unsupported. */

    /* Brings what may change of a workload that runs: the files of its volumes, the limits of its instances. */
    enum davit_result (*update)(void *ctx, const char *document, struct davit_call *call);
    /* Runs a command in an instance, waits for it and answers how it ended: with what it wrote, or, as a stream, with
     * the call's descriptors for its own. Beside every lane. */
    enum davit_result (*exec)(void *ctx, const char *document, struct davit_call *call);
    /* What instances use, and what is in their folders where that is asked. Beside every lane. */
    enum davit_result (*stats)(void *ctx, const char *document, struct davit_call *call);
    /* Takes, removes, lists or goes back to snapshots of a workload's own disks. */
    enum davit_result (*snapshot)(void *ctx, const char *document, struct davit_call *call);
};

/* The symbol a plugin exports. */
extern const struct davit_runtime_plugin davit_runtime_plugin;

#ifdef __cplusplus
}
#endif
#endif
