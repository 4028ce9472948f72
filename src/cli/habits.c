#include "config.h"

#include "cli/habits.h"

#include <stddef.h>
#include <string.h>

struct habit {
    const char *word;
    const char *instead;
};

static const struct habit VERB_HABITS[] = {
    {"create", "`davit run`, or `kubectl create … --dry-run=client -o yaml | davit apply -f -`"},
    {"edit", "`davit get TYPE/NAME -o yaml > FILE`, change the file, `davit apply -f FILE`"},
    {"patch", "`davit get TYPE/NAME -o yaml > FILE`, change the file, `davit apply -f FILE`"},
    {"replace", "`davit apply -f FILE`"},
    {"attach", "`davit logs -f POD`, or `davit exec -it POD -- sh`"},
    {"debug", "`davit exec -it POD -- sh`"},
    {"expose", "`davit run -p HOST:PORT`, or a Service: `davit apply -f FILE`"},
    {"autoscale", "`davit scale`: nothing scales by itself here"},
    {"taint", "`davit cordon`, `davit drain`, or spec.taints of a Node: `davit apply -f FILE`"},
    {"cluster-info", "`davit get nodes`, `davit version`"},
    {"kustomize", "`kustomize build DIR | davit apply -f -`"},
    {"helm", "`helm template CHART | davit apply -f -`"},
    {"auth", "the broker decides who may what: `davit acl`"},
    {"ps", "`davit get pods -A`"},
    {"images", "`davit get images`, or `davit image ls` on the device"},
    {"inspect", "`davit describe TYPE NAME`"},
    {"rm", "`davit delete TYPE NAME`"},
    {"pull", "`davit image pull REF` on the device; else nodes pull what they run"},
    {"compose", "`davit apply -f compose.yaml`"},
    {"up", "`davit apply -f compose.yaml`"},
    {"stats", "`davit top pods`"},
};

static const struct habit FLAG_HABITS[] = {
    {"k", "`kustomize build DIR | davit apply -f -`"},
    {"kustomize", "`kustomize build DIR | davit apply -f -`"},
    {"server-side", "every apply is the node's own decision here"},
    {"force-conflicts", "every apply is the node's own decision here"},
    {"grace-period", "what runs ends within its own terminationGracePeriodSeconds"},
    {"now", "what runs ends within its own terminationGracePeriodSeconds"},
    {"ignore-daemonsets", "a drain ends all that does not tolerate the taint davit/drain, DaemonSets too"},
    {"delete-emptydir-data", "an emptyDir goes with its pod; nobody need say so"},
    {"rm", "`davit delete app NAME` when it is done"},
    {"kubeconfig", "`davit config` keeps brokers; --context names one"},
};

static const char *find(const struct habit *habits, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(habits[i].word, word) == 0)
            return habits[i].instead;
    return NULL;
}

const char *habit_verb(const char *verb)
{
    return find(VERB_HABITS, sizeof(VERB_HABITS) / sizeof(VERB_HABITS[0]), verb);
}

const char *habit_flag(const char *flag)
{
    return find(FLAG_HABITS, sizeof(FLAG_HABITS) / sizeof(FLAG_HABITS[0]), flag);
}
