#include "config.h"

#include "cli/verb_table.h"

#include <stdio.h>
#include <string.h>

static const char *const HEADINGS[SECTION_COUNT] = {
    [SECTION_DEPLOY] = "What nodes want",
    [SECTION_LOOK] = "What nodes say",
    [SECTION_ACT] = "On workloads",
    [SECTION_NODE] = "On nodes",
    [SECTION_DEVICE] = "On this device, and this tool",
};

const struct verb VERBS[] = {
    {"apply", SECTION_DEPLOY, "-f FILE… --node N", "make a node want what files say",
     "  davit apply -f hello.yaml --node press-7 --wait\n"
     "  kubectl get pod web -o yaml | davit apply -f - --group presses\n"
     "  davit apply -f line3/ --bundle --prune --nodes 'press-*' --dry-run",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_NAMESPACE | FLAG_FILE | FLAG_WAIT |
         FLAG_STRICT | FLAG_BUNDLE | FLAG_DRY_RUN | FLAG_OUTPUT,
     verb_apply},
    {"run", SECTION_DEPLOY, "IMAGE|NAME --image IMAGE [-- ARG…] --node N", "make a node run an image, in one line",
     "  davit run influxdb:2.7 -p 8086:8086 -v hist:/var/lib/influxdb2 --node press-7\n"
     "  davit run blink --image busybox -e A=1 --dry-run -o yaml -- sleep 60",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_NAMESPACE | FLAG_WAIT | FLAG_DRY_RUN | FLAG_OUTPUT | FLAG_RUN,
     verb_run},
    {"diff", SECTION_DEPLOY, "-f FILE… --node N", "what apply would change, as a diff of YAML",
     "  davit diff -f hello.yaml --node press-7",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_GROUP | FLAG_NAMESPACE | FLAG_FILE | FLAG_STRICT, verb_diff},
    {"set", SECTION_DEPLOY, "image TYPE/NAME C=IMAGE…|groups NODE GROUP,GROUP", "another image; the groups of a node",
     "  davit set image deploy/web web=demo:2 --node press-7\n  davit set image app/hist *=influxdb:2.8 --nodes 'press-*'\n"
     "  davit set groups press-7 line-3,presses",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_NAMESPACE | FLAG_YES, verb_set},
    {"scale", SECTION_DEPLOY, "TYPE/NAME --replicas N", "another number of pods", "  davit scale deploy/web --replicas 3 --node press-7",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_NAMESPACE | FLAG_REPLICAS, verb_scale},
    {"label", SECTION_DEPLOY, "TYPE NAME… KEY=VALUE|KEY-…", "labels of objects, and of nodes",
     "  davit label deploy web tier=front --node press-7\n  davit label node press-7 site=hamburg rack-",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_NAMESPACE | FLAG_OVERWRITE | FLAG_YES, verb_label},
    {"annotate", SECTION_DEPLOY, "TYPE NAME… KEY=VALUE|KEY-…", "annotations of objects, and of nodes",
     "  davit annotate deploy web owner=anna --overwrite --node press-7",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_NAMESPACE | FLAG_OVERWRITE | FLAG_YES, verb_annotate},
    {"delete", SECTION_DEPLOY, "TYPE NAME…|TYPE -l LABELS|TYPE --all|-f FILE|node N", "make a node remove objects; forget a node",
     "  davit delete pod hello --node press-7\n  davit delete -f hello.yaml --nodes 'press-*' --yes\n"
     "  davit delete pvc hist --node press-7 --purge\n"
     "  davit delete pod hello --node press-7 --unmask\n  davit delete node press-9",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_GROUP | FLAG_NODES | FLAG_SELECTOR | FLAG_NAMESPACE | FLAG_ALL_NAMESPACES | FLAG_FILE |
         FLAG_WAIT | FLAG_PURGE | FLAG_ALL | FLAG_YES | FLAG_DRY_RUN | FLAG_FORGET | FLAG_MISSING,
     verb_delete},
    {"get", SECTION_LOOK, "TYPE[,TYPE] [NAME...]|TYPE/NAME...|all", "list what the nodes say they have",
     "  davit get nodes -o wide\n  davit get pods -A -l app=web --nodes 'press-*'\n  davit get pods,deployments --sort-by .metadata.name\n"
     "  davit get jobs --node press-7 -w\n  davit get app historian -o yaml\n"
     "  davit get pods -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'\n"
     "  davit get nodes -o custom-columns=NAME:.metadata.name",
     FLAG_BROKER | FLAG_NODE | FLAG_NODES | FLAG_GROUP | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_ALL_NAMESPACES | FLAG_WATCH |
         FLAG_SELECTOR | FLAG_LIST | FLAG_MISSING, verb_get},
    {"events", SECTION_LOOK, "[-w]", "what happened on nodes, or what happens",
     "  davit events --node press-7\n  davit events -w\n  davit events -w --for pod/hello\n  davit events -w -A --types Warning",
     FLAG_BROKER | FLAG_NODE | FLAG_NODES | FLAG_NODE_LABELS | FLAG_GROUP | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_ALL_NAMESPACES |
         FLAG_OUTPUT | FLAG_WATCH | FLAG_EVENTS, verb_events},
    {"wait", SECTION_LOOK, "TYPE/NAME... --for GOAL", "until objects, or nodes, are what is asked for",
     "  davit wait pod/hello --for condition=Ready --timeout 2m\n  davit wait node/press-7 --for condition=Ready\n"
     "  davit wait pod/web --for jsonpath='{.status.phase}'=Running --nodes 'press-*'\n  davit wait vm/hmi --for delete",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_NODES | FLAG_GROUP | FLAG_NAMESPACE | FLAG_ALL_NAMESPACES | FLAG_SELECTOR | FLAG_ALL |
         FLAG_FOR, verb_wait},
    {"describe", SECTION_LOOK, "TYPE [NAME…]", "everything a node says about an object", "  davit describe pod hello --node press-7\n  davit describe vm hmi\n  davit describe node press-7",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_NAMESPACE, verb_describe},
    {"logs", SECTION_LOOK, "POD|vm/NAME|-l LABELS", "what containers, or a virtual machine's console, wrote",
     "  davit logs hello -f\n  davit logs vm/hmi -f --tail 50\n  davit logs hello -c web --tail 20 --timestamps\n  davit logs hello --previous --node press-7\n"
     "  davit logs -l app=web --all-containers --prefix -f",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_SELECTOR | FLAG_LOGS, verb_logs},
    {"ping", SECTION_LOOK, "[NODE]", "whether a node answers, and how soon", "  davit ping press-7\n  davit ping --nodes 'press-*'",
     FLAG_BROKER | FLAG_NODE | FLAG_NODES | FLAG_NODE_LABELS | FLAG_GROUP | FLAG_CONTROL, verb_ping},
    {"top", SECTION_LOOK, "[pods|vms|node|nodes] [NAME]", "what pods, virtual machines and nodes use now",
     "  davit top\n  davit top vms\n  davit top pods -A --sort-by memory\n  davit top pod hello --containers\n  davit top node\n  davit top nodes --sort-by memory\n  davit top pods --nodes 'press-*'",
     FLAG_BROKER | FLAG_NODE | FLAG_NODES | FLAG_NODE_LABELS | FLAG_GROUP | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_ALL_NAMESPACES | FLAG_OUTPUT | FLAG_TOP, verb_top},
    {"restart", SECTION_ACT, "POD|TYPE/NAME…", "end pods or virtual machines gracefully, and start them again",
     "  davit restart hello\n  davit restart deploy/web --node press-7\n  davit restart vm/hmi sts/db app/hist\n  davit restart deploy/web --nodes 'press-*'",
     FLAG_BROKER | FLAG_NODE | FLAG_GROUP | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_NODES | FLAG_NODE_LABELS | FLAG_YES, verb_restart},
    {"rollout", SECTION_ACT, "status|history|undo|pause|resume|restart TYPE/NAME", "how an update goes, and back to the one before",
     "  davit rollout status deploy/web\n  davit rollout history deploy/web --revision 3\n  davit rollout undo deploy/web --node press-7\n  davit rollout undo app/hist --group line-3 --wait",
     FLAG_BROKER | FLAG_NODE | FLAG_GROUP | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_NODES | FLAG_NODE_LABELS | FLAG_YES | FLAG_WAIT | FLAG_OUTPUT | FLAG_REVISION, verb_rollout},
    {"start", SECTION_ACT, "VM…", "switch a virtual machine on", "  davit start vm/hmi\n  davit start hmi --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_GROUP | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_NODES | FLAG_NODE_LABELS | FLAG_YES, verb_start},
    {"stop", SECTION_ACT, "VM…", "shut a virtual machine down, until it is started again", "  davit stop vm/hmi\n  davit stop vm/hmi --force",
     FLAG_BROKER | FLAG_NODE | FLAG_GROUP | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_NODES | FLAG_NODE_LABELS | FLAG_YES | FLAG_FORCE, verb_stop},
    {"console", SECTION_ACT, "VM", "the serial console of a virtual machine; Ctrl-] leaves it",
     "  davit console vm/hmi\n  davit console vm/hmi --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE, verb_console},
    {"vnc", SECTION_ACT, "VM", "the screen of a virtual machine, at a local port", "  davit vnc vm/hmi\n  davit vnc vm/hmi --port 5901 --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_PORT, verb_vnc},
    {"snapshot", SECTION_ACT, "VM [SNAP]", "keep the disks of a virtual machine as they are now",
     "  davit snapshot vm/hmi before-update\n  davit snapshot vm/hmi --list -o json\n  davit snapshot vm/hmi --delete before-update",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_OUTPUT | FLAG_SNAPSHOT, verb_snapshot},
    {"rollback", SECTION_ACT, "VM SNAP", "take the disks of a virtual machine back to a snapshot",
     "  davit rollback vm/hmi before-update\n  davit rollback vm/hmi before-update --force --node press-7",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_FORCE, verb_rollback},
    {"exec", SECTION_ACT, "[-i] [-t] POD -- COMMAND [ARG...]", "run a command in a container",
     "  davit exec hello -- ls -l /etc\n  davit exec -it hello -- sh\n  davit exec -i deploy/web -c web -- sh -c 'cat > /tmp/f' < f",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_CONTAINER | FLAG_EXEC, verb_exec},
    {"port-forward", SECTION_ACT, "POD|TYPE/NAME [LOCAL:]REMOTE…", "local ports that lead to a pod or virtual machine",
     "  davit port-forward hello 8080:80\n  davit port-forward deploy/web 8080:80 8443:443 --node press-7\n  davit port-forward svc/web :80",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_ADDRESS, verb_port_forward},
    {"cp", SECTION_ACT, "POD:PATH LOCAL|LOCAL POD:PATH", "files and folders from and to a container, by the tar in it",
     "  davit cp hello:/etc/hosts hosts\n  davit cp conf hello:/etc/app\n  davit cp -c web plant/hello:/var/log logs",
     FLAG_BROKER | FLAG_NODE | FLAG_CONTROL | FLAG_NAMESPACE | FLAG_CONTAINER, verb_cp},
    {"cordon", SECTION_NODE, "NODE…", "nothing new starts there", "  davit cordon press-7\n  davit cordon -l site=hamburg",
     FLAG_BROKER | FLAG_CONTROL | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_YES, verb_cordon},
    {"uncordon", SECTION_NODE, "NODE…", "things start there again, also after a drain", "  davit uncordon press-7",
     FLAG_BROKER | FLAG_CONTROL | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_YES, verb_uncordon},
    {"drain", SECTION_NODE, "NODE…", "end what runs there, gracefully, until it is uncordoned",
     "  davit drain press-7\n  davit drain --nodes 'press-*' --yes",
     FLAG_BROKER | FLAG_CONTROL | FLAG_GROUP | FLAG_NODES | FLAG_NODE_LABELS | FLAG_YES | FLAG_WAIT, verb_drain},
    {"prune", SECTION_NODE, "", "what the broker keeps and nobody needs any more", "  davit prune\n  davit prune --older 90d --yes",
     FLAG_BROKER | FLAG_OLDER | FLAG_YES | FLAG_DRY_RUN, verb_prune},
    {"doctor", SECTION_DEVICE, "", "whether this device can do what Davit needs", "  sudo davit doctor\n  davit doctor -o json",
     FLAG_CONTROL | FLAG_CONFIG | FLAG_OUTPUT, verb_doctor},
    {"explain", SECTION_DEVICE, "KIND[.FIELD…]", "what a field means, and whether it is honoured",
     "  davit explain pod.spec.containers\n  davit explain deploy.spec.strategy\n  davit explain app --recursive", FLAG_RECURSIVE,
     verb_explain},
    {"api-resources", SECTION_DEVICE, "", "the kinds that Davit knows, and their names", "  davit api-resources", 0,
     verb_api_resources},
    {"image", SECTION_DEVICE, "import FILE|pull REF|ls|inspect REF|rm REF...|prune", "the images of this device",
     "  davit image import demo.tar --name demo:1\n  davit image pull busybox:1.36\n  davit image ls\n  davit image rm busybox:1.35",
     FLAG_CONTROL | FLAG_NAME | FLAG_OUTPUT, verb_image},
    {"vm", SECTION_DEVICE, "import FILE", "disks of virtual machines on this device",
     "  davit vm import winxp.vmdk --name line3/winxp:1\n  davit vm import debian.qcow2", FLAG_CONTROL | FLAG_NAME, verb_vm},
    {"completion", SECTION_DEVICE, "bash|zsh|fish", "what a shell reads to complete davit's words",
     "  . <(davit completion bash)\n  davit completion zsh >~/.zfunc/_davit\n"
     "  davit completion fish >~/.config/fish/completions/davit.fish",
     FLAG_BARE, verb_completion},
    {"config", SECTION_DEVICE, "get-contexts|use-context NAME|set-context NAME|…", "named brokers, and which one is meant",
     "  davit config set-context plant --broker mqtts://broker:8883 --username anna\n  davit config use-context plant\n"
     "  davit config get-contexts\n  davit config delete-context plant",
     FLAG_BROKER | FLAG_NODE | FLAG_GROUP | FLAG_NAMESPACE | FLAG_CONTROL | FLAG_OUTPUT | FLAG_BARE, verb_config},
    {"export", SECTION_DEVICE, "[--listen IP:PORT]", "what is measured on this device, as Prometheus' text",
     "  davit export\n  davit export --listen 127.0.0.1:9123", FLAG_CONTROL | FLAG_LISTEN, verb_export},
    {"acl", SECTION_DEVICE, "[--node N --groups G,G|-f FILE|--from-broker] [--operator WHO]", "access rules for Mosquitto",
     "  davit acl --node press-7 --groups line-3,presses\n  davit acl -f nodes.txt\n  davit acl --operator anna\n"
     "  davit acl --operator hall --read-only\n  davit acl --site hamburg -f hamburg.txt",
     FLAG_BROKER | FLAG_NODE | FLAG_FILE | FLAG_ACL, verb_acl},
    {"options", SECTION_DEVICE, "", "the flags that say where the broker is, and who asks", "  davit options", FLAG_BROKER | FLAG_BARE, verb_options},
    {"version", SECTION_DEVICE, "", "of this program, and of the nodes' agents", "  davit version --client",
     FLAG_BROKER | FLAG_CONTROL | FLAG_NODE | FLAG_CLIENT, verb_version},
};

const size_t VERB_COUNT = sizeof(VERBS) / sizeof(VERBS[0]);

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(VERBS[i].name, name) == 0)
            return &VERBS[i];
    return NULL;
}

void verb_table_print(FILE *out)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (i == 0 || VERBS[i].section != VERBS[i - 1].section)
            (void)fprintf(out, "\n%s:\n", HEADINGS[VERBS[i].section]);
        (void)fprintf(out, "  %-13s %s\n", VERBS[i].name, VERBS[i].summary);
    }
}

void verb_print_help(const struct verb *verb)
{
    printf("%s: %s\n\nUsage: davit %s %s\n\nExample:\n%s\n\nFlags:\n", verb->name, verb->summary, verb->name,
           verb->usage, verb->example);
    options_print_help(verb->flags, (verb->flags & FLAG_BARE) != 0);
    if ((verb->flags & (FLAG_BROKER | FLAG_BARE)) == FLAG_BROKER)
        (void)puts("\n`davit options` has the flags of the broker; `davit config` keeps them.");
}
