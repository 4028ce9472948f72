/* davit, the operator's tool: finds the verb, reads the flags, prints what went wrong. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/nearest.h"
#include "cli/options.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct verb {
    const char *name; /* first: nearest_word */
    const char *usage;
    const char *summary;
    const char *example;
    unsigned flags;
    enum exit_code (*run)(const struct options *options, struct error *err);
};

static const struct verb VERBS[] = {
    {"apply", "-f FILE --node N", "make a node want what a file says",
     "  davit apply -f hello.yaml --node press-7 --wait\n"
     "  kubectl get pod web -o yaml | davit apply -f - --group presses",
     FLAG_BROKER | FLAG_NODE | FLAG_GROUP | FLAG_NAMESPACE | FLAG_FILE | FLAG_WAIT, verb_apply},
    {"get", "TYPE [NAME]", "list what the nodes say they have",
     "  davit get pods -A\n  davit get vms -o wide\n  davit get jobs --node press-7 -w\n  davit get app historian -o yaml\n  davit get nodes -o wide",
     FLAG_BROKER | FLAG_NODE | FLAG_NAMESPACE | FLAG_ALL_NAMESPACES | FLAG_OUTPUT | FLAG_WATCH, verb_get},
    {"describe", "TYPE NAME", "everything a node says about one object", "  davit describe pod hello --node press-7\n  davit describe vm hmi",
     FLAG_BROKER | FLAG_NODE | FLAG_NAMESPACE, verb_describe},
    {"delete", "TYPE NAME…|-f FILE --node N", "make a node remove an object",
     "  davit delete pod hello --node press-7\n  davit delete -f hello.yaml --node press-7 --wait=false\n"
     "  davit delete pvc hist --node press-7 --purge",
     FLAG_BROKER | FLAG_NODE | FLAG_GROUP | FLAG_NAMESPACE | FLAG_FILE | FLAG_WAIT | FLAG_PURGE, verb_delete},
    {"logs", "POD|vm/NAME", "what a container, or a virtual machine's console, wrote",
     "  davit logs hello -f\n  davit logs vm/hmi -f --tail 50\n  davit logs hello -c web --tail 20 --timestamps\n  davit logs hello --previous --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_LOGS, verb_logs},
    {"restart", "POD|deploy/NAME|ds/NAME|vm/NAME…", "end pods or virtual machines gracefully, and start them again",
     "  davit restart hello\n  davit restart deploy/web --node press-7\n  davit restart vm/hmi",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE, verb_restart},
    {"start", "VM…", "switch a virtual machine on", "  davit start vm/hmi\n  davit start hmi --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE, verb_start},
    {"stop", "VM…", "shut a virtual machine down, until it is started again", "  davit stop vm/hmi\n  davit stop vm/hmi --force",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_FORCE, verb_stop},
    {"console", "VM", "the serial console of a virtual machine; Ctrl-] leaves it",
     "  davit console vm/hmi\n  davit console vm/hmi --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE, verb_console},
    {"vnc", "VM", "the screen of a virtual machine, at a local port", "  davit vnc vm/hmi\n  davit vnc vm/hmi --port 5901 --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_PORT, verb_vnc},
    {"snapshot", "VM [SNAP]", "keep the disks of a virtual machine as they are now",
     "  davit snapshot vm/hmi before-update\n  davit snapshot vm/hmi --list -o json\n  davit snapshot vm/hmi --delete before-update",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_OUTPUT | FLAG_SNAPSHOT, verb_snapshot},
    {"rollback", "VM SNAP", "take the disks of a virtual machine back to a snapshot",
     "  davit rollback vm/hmi before-update\n  davit rollback vm/hmi before-update --force --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_FORCE, verb_rollback},
    {"ping", "", "whether a node answers, and how soon", "  davit ping --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL, verb_ping},
    {"exec", "[-i] [-t] POD -- COMMAND [ARG...]", "run a command in a container",
     "  davit exec hello -- ls -l /etc\n  davit exec -it hello -- sh\n  davit exec -i deploy/web -c web -- sh -c 'cat > /tmp/f' < f",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_CONTAINER | FLAG_EXEC, verb_exec},
    {"top", "[pods|vms|node] [NAME]", "what the pods and virtual machines of this device, or all of it, use now",
     "  davit top\n  davit top vms\n  davit top pods -A --sort-by memory\n  davit top pod hello --containers\n  davit top node",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_ALL_NAMESPACES | FLAG_OUTPUT | FLAG_TOP, verb_top},
    {"cp", "POD:PATH LOCAL|LOCAL POD:PATH", "files and folders from and to a container, by the tar in it",
     "  davit cp hello:/etc/hosts hosts\n  davit cp conf hello:/etc/app\n  davit cp -c web plant/hello:/var/log logs",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_CONTAINER, verb_cp},
    {"image", "import FILE|pull REF|ls|inspect REF|rm REF...|prune", "the images of this device, through davitd's control socket",
     "  davit image import demo.tar --name demo:1\n  davit image pull busybox:1.36\n  davit image ls\n  davit image rm busybox:1.35",
     FLAG_CONTROL | FLAG_NAME | FLAG_OUTPUT, verb_image},
    {"vm", "import FILE", "disks of virtual machines on this device, through davitd's control socket",
     "  davit vm import winxp.vmdk --name line3/winxp:1\n  davit vm import debian.qcow2", FLAG_CONTROL | FLAG_NAME, verb_vm},
    {"version", "", "of this program, and of the nodes' agents", "  davit version --client",
     FLAG_BROKER | FLAG_NODE | FLAG_CLIENT, verb_version},
};

#define VERB_COUNT (sizeof(VERBS) / sizeof(VERBS[0]))

enum exit_code exit_code_of(const struct error *err)
{
    switch (err->code) {
    case ERROR_NONE:
        return EXIT_CODE_OK;
    case ERROR_UNAVAILABLE:
        return EXIT_CODE_UNREACHABLE;
    case ERROR_NOT_FOUND:
        return EXIT_CODE_NOT_FOUND;
    case ERROR_TIMEOUT:
        return EXIT_CODE_TIMED_OUT;
    default:
        return EXIT_CODE_FAILED;
    }
}

enum exit_code usage_error(struct error *err, const char *format, ...)
{
    va_list args;
    err->code = ERROR_INVALID;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return EXIT_CODE_USAGE;
}

static void print_usage(FILE *out)
{
    (void)fputs("davit: Kubernetes objects on edge devices, over MQTT\n\nUsage: davit VERB [flags]\n\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++)
        (void)fprintf(out, "  %-9s %s\n", VERBS[i].name, VERBS[i].summary);
    (void)fputs("\n`davit VERB --help` shows a verb's flags and an example; man davit has the rest.\n", out);
}

static void print_verb_help(const struct verb *verb)
{
    printf("%s: %s\n\nUsage: davit %s %s\n\nExample:\n%s\n\nFlags:\n", verb->name, verb->summary, verb->name,
           verb->usage, verb->example);
    options_print_help(verb->flags);
}

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(VERBS[i].name, name) == 0)
            return &VERBS[i];
    return NULL;
}

static int verb_unknown(const char *name)
{
    const char *near = nearest_word(name, VERBS, VERB_COUNT, sizeof(VERBS[0]));
    (void)fprintf(stderr, "davit: unknown verb %s. ", name);
    if (near != NULL)
        (void)fprintf(stderr, "Did you mean %s?\n", near);
    else
        (void)fputs("davit --help lists the verbs.\n", stderr);
    return EXIT_CODE_USAGE;
}

static enum exit_code verb_run(const struct verb *verb, int argc, char **argv)
{
    struct options options;
    struct error err = {0};
    enum exit_code code = EXIT_CODE_OK;
    if (!options_parse(argc, argv, verb->flags, &options, &err))
        code = EXIT_CODE_USAGE;
    else if (options.help)
        print_verb_help(verb);
    else
        code = verb->run(&options, &err);
    options_free(&options);
    if (err.code != ERROR_NONE)
        (void)fprintf(stderr, "davit: %s\n", text_clean(err.message));
    if (code == EXIT_CODE_USAGE)
        (void)fprintf(stderr, "davit %s --help shows how it is used.\n", verb->name);
    return code;
}

/* Where a caller closed one of them, the next socket would become it. */
static void fill_standard_fds(void)
{
    while (true) {
        int fd = open("/dev/null", O_RDWR);
        if (fd > STDERR_FILENO || fd < 0) {
            (void)close(fd);
            return;
        }
    }
}

int main(int argc, char **argv)
{
    fill_standard_fds();
    log_init("davit", LOG_LEVEL_WARN);
    (void)signal(SIGPIPE, SIG_DFL); /* `davit get -w | head` ends quietly, whatever the parent ignored */
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_CODE_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return EXIT_CODE_OK;
    }
    const struct verb *verb = verb_find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (verb == NULL)
        return verb_unknown(argv[1]);
    enum exit_code code = verb_run(verb, argc - 2, argv + 2);
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && code == EXIT_CODE_OK) {
        (void)fputs("davit: cannot write to stdout\n", stderr);
        code = EXIT_CODE_FAILED;
    }
    return code;
}
