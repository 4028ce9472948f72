#include "protocol/replicas.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/kind_fields.h"
#include "protocol/names.h"

#define SECONDS_MAX 2147483647

static bool has_claim(const struct json *template)
{
    JSON_EACH(volume, json_get(json_get(template, "spec"), "volumes"))
        if (json_get(volume, "persistentVolumeClaim") != NULL)
            return true;
    return false;
}

/* A number, or a share of the replicas, rounded down; at least one, for nothing comes beside a stable name. */
static bool read_unavailable(const struct json *rolling, int64_t replicas, int64_t *value, struct error *err)
{
    const struct json *said = json_get(rolling, "maxUnavailable");
    const char *text = said != NULL ? json_text(said) : "25%";
    int64_t number = -1;
    char *end = NULL;
    if (text != NULL && text[0] >= '0' && text[0] <= '9') {
        number = strtoll(text, &end, 10);
        number = strcmp(end, "%") == 0 && number <= 100 ? replicas * number / 100 : -1;
    } else if (text == NULL && !json_integer(said, &number)) {
        number = -1;
    }
    if (number < 0)
        return error_set(err, ERROR_INVALID,
                         "spec.strategy.rollingUpdate.maxUnavailable must be a whole number, or a share as 25%%");
    *value = number > 0 ? number : 1;
    return true;
}

struct numbers {
    int64_t replicas, min_ready_s, deadline_s;
    int64_t history; /* documents to go back to */
    bool paused;
};

static bool read_numbers(const struct json *spec, struct numbers *numbers, struct error *err)
{
    return owner_read_integer(spec, "spec.", "replicas", LIMIT_REPLICAS, &numbers->replicas, err) &&
           owner_read_integer(spec, "spec.", "minReadySeconds", SECONDS_MAX, &numbers->min_ready_s, err) &&
           owner_read_integer(spec, "spec.", "progressDeadlineSeconds", SECONDS_MAX, &numbers->deadline_s, err) &&
           owner_read_integer(spec, "spec.", "revisionHistoryLimit", INT32_MAX, &numbers->history, err) &&
           owner_read_flag(spec, "spec.", "paused", &numbers->paused, err);
}

static struct json *write_numbers(const struct numbers *numbers, const struct json *spec)
{
    struct json *owner = json_new_object();
    json_set_integer(owner, "replicas", numbers->replicas);
    json_set_integer(owner, "minReadySeconds", numbers->min_ready_s);
    json_set_integer(owner, "progressDeadlineSeconds", numbers->deadline_s);
    if (numbers->history < LIMIT_REVISIONS)
        json_set_integer(owner, "revisionHistoryLimit", numbers->history);
    json_set_boolean(owner, "paused", numbers->paused);
    json_set(owner, "template", json_copy(json_get(spec, "template")));
    return owner;
}

static bool read_fields(const struct field_table *table, const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    return owner_check_selector(spec, err) && kind_read_others(table, spec, "spec.", ignored, err);
}

struct json *deployment_read(const char *resource, const struct json *document, struct ignored_fields *ignored,
                             struct error *err)
{
    bool is_deployment = strcmp(resource, "deployments") == 0;
    const struct json *spec = json_get(document, "spec");
    const char *key = is_deployment ? "strategy" : "updateStrategy";
    const struct json *strategy = json_get(spec, key), *rolling = json_get(strategy, "rollingUpdate");
    struct numbers numbers = { .replicas = 1, .history = LIMIT_REVISIONS, .deadline_s = is_deployment ? 600 : 0 };
    int64_t unavailable = 1;
    size_t type = 0;
    AUTO_FREE char *prefix = mem_printf("spec.%s.", key);
    if (!owner_read_template(spec, true, ignored, err) ||
        !read_fields(is_deployment ? &deployment_spec_table : &daemon_set_spec_table, spec, ignored, err) || !read_numbers(spec, &numbers, err) ||
        !owner_read_word(strategy, prefix, "type", is_deployment ? deployment_strategy_words : set_strategy_words, &type, err) ||
        (is_deployment && !read_unavailable(rolling, numbers.replicas, &unavailable, err)))
        return NULL;
    if (!is_deployment)
        numbers.replicas = 1;
    struct json *owner = write_numbers(&numbers, spec);
    json_set_integer(owner, "maxUnavailable", unavailable);
    /* A local claim is for one at a time. */
    json_set_boolean(owner, "recreate", is_deployment && (type == 1 || has_claim(json_get(spec, "template"))));
    json_set_boolean(owner, "onDelete", !is_deployment && type == 1);
    return owner;
}

void replicas_rule(const struct json *owner, struct rollout_rule *rule)
{
    *rule = (struct rollout_rule){
        .wanted = (size_t)json_get_integer(owner, "replicas", 0),
        .is_set = json_get_boolean(owner, "isSet", false),
        .ordered = json_get_boolean(owner, "ordered", false),
        .recreate = json_get_boolean(owner, "recreate", false),
        .on_delete = json_get_boolean(owner, "onDelete", false),
        .paused = json_get_boolean(owner, "paused", false),
        .partition = (size_t)json_get_integer(owner, "partition", 0),
        .max_unavailable = (size_t)json_get_integer(owner, "maxUnavailable", 1),
    };
}

int64_t replicas_start(const struct json *owner)
{
    return json_get_integer(owner, "start", 0);
}

uint64_t replicas_min_ready_ms(const struct json *owner)
{
    return (uint64_t)json_get_integer(owner, "minReadySeconds", 0) * 1000;
}

uint64_t replicas_deadline_ms(const struct json *owner)
{
    return (uint64_t)json_get_integer(owner, "progressDeadlineSeconds", 0) * 1000;
}

void replicas_child_id(const struct object_id *id, const struct json *owner, size_t place, struct object_id *child)
{
    owner_child_id(id, "pods", child, "%.240s-%" PRId64, id->name, replicas_start(owner) + (int64_t)place);
}

bool replicas_place(const struct object_id *id, const struct json *owner, const char *child, size_t *place)
{
    size_t len = strlen(id->name);
    char *end = NULL;
    if (strncmp(child, id->name, len) != 0 || child[len] != '-' || child[len + 1] < '0' || child[len + 1] > '9')
        return false;
    int64_t number = strtoll(child + len + 1, &end, 10) - replicas_start(owner);
    *place = (size_t)number;
    return *end == '\0' && number >= 0 && number < LIMIT_REPLICAS;
}

static bool is_claimed(const struct json *owner, const char *volume)
{
    for (size_t i = 0; volume != NULL && replicas_claim(owner, i) != NULL; i++)
        if (strcmp(json_get_text(json_get(replicas_claim(owner, i), "metadata"), "name"), volume) == 0)
            return true;
    return false;
}

/* Kubernetes: a claim takes the place of a volume of the same name. */
static struct json *set_volumes(const struct object_id *id, const struct json *owner, size_t place, const struct json *spec)
{
    struct json *volumes = json_new_array();
    for (size_t i = 0; replicas_claim(owner, i) != NULL; i++) {
        struct object_id claim;
        replicas_claim_id(id, owner, i, place, &claim);
        struct json *volume = json_add_object(volumes);
        json_set_text(volume, "name", json_get_text(json_get(replicas_claim(owner, i), "metadata"), "name"));
        json_set_text(json_set_object(volume, "persistentVolumeClaim"), "claimName", claim.name);
    }
    JSON_EACH(volume, json_get(spec, "volumes"))
        if (!is_claimed(owner, json_get_text(volume, "name")))
            json_add(volumes, json_copy(volume));
    return volumes;
}

struct json *replicas_child(const struct object_id *id, const struct json *owner, size_t place)
{
    const struct json *template = json_get(owner, "template");
    struct object_id child;
    replicas_child_id(id, owner, place, &child);
    struct json *pod = owner_child_new(id, &child, template, true);
    json_set(pod, "spec", json_copy(json_get(template, "spec")));
    if (!json_get_boolean(owner, "isSet", false))
        return pod;
    AUTO_FREE char *number = mem_printf("%" PRId64, replicas_start(owner) + (int64_t)place);
    owner_child_set(pod, "labels", "statefulset.kubernetes.io/pod-name", child.name);
    owner_child_set(pod, "labels", "apps.kubernetes.io/pod-index", number);
    struct json *spec = json_get_mutable(pod, "spec");
    json_set_text(spec, "hostname", child.name);
    json_set_text(spec, "subdomain", json_get_text(owner, "serviceName"));
    if (replicas_claim(owner, 0) != NULL)
        json_set(spec, "volumes", set_volumes(id, owner, place, spec));
    return pod;
}

/* ---- StatefulSet */

static bool read_claims(const struct json *spec, struct error *err)
{
    const struct json *claims = json_get(spec, "volumeClaimTemplates");
    if (json_size(claims) > LIMIT_VOLUMES)
        return error_set(err, ERROR_LIMIT, "spec.volumeClaimTemplates has more than %d", LIMIT_VOLUMES);
    JSON_EACH(claim, claims) {
        struct ignored_fields others = { 0 }; /* the claim that is made of it tells them */
        if (!name_is_label(json_get_text(json_get(claim, "metadata"), "name")) || json_get(claim, "spec") == NULL)
            return error_set(err, ERROR_INVALID, "spec.volumeClaimTemplates: metadata.name (a DNS label) and spec are required");
        bool read = kind_read_others(&claim_spec_table, json_get(claim, "spec"), "spec.", &others, err);
        ignored_free(&others);
        if (!read)
            return error_wrap(err, "spec.volumeClaimTemplates");
    }
    return true;
}

/* Its claims are volumes of the pod: it is read with them. */
static bool read_set_template(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    struct object_id id = { .name = "set" };
    AUTO_JSON struct json *whole = json_copy(spec);
    AUTO_JSON struct json *claims = json_new_object();
    struct json *pod = json_get_mutable(json_get_mutable(whole, "template"), "spec");
    if (json_size(json_get(spec, "volumeClaimTemplates")) > 0 && json_type(pod) == JSON_OBJECT) {
        json_set(claims, "claims", json_copy(json_get(spec, "volumeClaimTemplates")));
        json_set(pod, "volumes", set_volumes(&id, claims, 0, pod));
    }
    return owner_read_template(whole, true, ignored, err);
}

struct set_words {
    size_t management, update, scaled, deleted;
    int64_t partition, start;
};

static bool read_set(const struct json *spec, struct set_words *words, struct error *err)
{
    const struct json *strategy = json_get(spec, "updateStrategy");
    const struct json *policy = json_get(spec, "persistentVolumeClaimRetentionPolicy");
    return owner_read_word(spec, "spec.", "podManagementPolicy", management_words, &words->management, err) &&
           owner_read_word(strategy, "spec.updateStrategy.", "type", set_strategy_words, &words->update, err) &&
           owner_read_integer(json_get(strategy, "rollingUpdate"), "spec.updateStrategy.rollingUpdate.", "partition",
                              LIMIT_REPLICAS, &words->partition, err) &&
           owner_read_integer(json_get(spec, "ordinals"), "spec.ordinals.", "start", 1000000, &words->start, err) &&
           owner_read_word(policy, "spec.persistentVolumeClaimRetentionPolicy.", "whenScaled", retention_words, &words->scaled,
                           err) &&
           owner_read_word(policy, "spec.persistentVolumeClaimRetentionPolicy.", "whenDeleted", retention_words, &words->deleted,
                           err);
}

struct json *stateful_set_read(const char *resource, const struct json *document, struct ignored_fields *ignored,
                               struct error *err)
{
    (void)resource;
    const struct json *spec = json_get(document, "spec");
    const char *name = json_get_text(json_get(document, "metadata"), "name");
    const char *service = json_get_text(spec, "serviceName");
    struct numbers numbers = { .replicas = 1, .history = LIMIT_REVISIONS };
    struct set_words words = { 0 };
    if (!read_claims(spec, err) || !read_set_template(spec, ignored, err) ||
        !read_fields(&stateful_set_spec_table, spec, ignored, err) ||
        !read_numbers(spec, &numbers, err) || !read_set(spec, &words, err))
        return NULL;
    /* Its pods' names are host names. */
    if (name != NULL && (!name_is_label(name) || strlen(name) > 52)) {
        error_set(err, ERROR_INVALID, "metadata.name must be a DNS label of at most 52 characters: its pods have it as host name");
        return NULL;
    }
    if (service != NULL && service[0] != '\0' && !name_is_label(service)) {
        error_set(err, ERROR_INVALID, "spec.serviceName must be a DNS label");
        return NULL;
    }
    numbers.deadline_s = 0;
    numbers.paused = false;
    struct json *owner = write_numbers(&numbers, spec);
    json_set_boolean(owner, "isSet", true);
    json_set_boolean(owner, "ordered", words.management == 0);
    json_set_boolean(owner, "onDelete", words.update == 1);
    json_set_integer(owner, "partition", words.partition);
    json_set_integer(owner, "start", words.start);
    json_set_boolean(owner, "dropClaimsScaled", words.scaled == 1);
    json_set_boolean(owner, "dropClaimsDeleted", words.deleted == 1);
    json_set_text(owner, "serviceName", service != NULL && service[0] != '\0' ? service : NULL);
    if (json_size(json_get(spec, "volumeClaimTemplates")) > 0)
        json_set(owner, "claims", json_copy(json_get(spec, "volumeClaimTemplates")));
    return owner;
}

const struct json *replicas_claim(const struct json *owner, size_t claim)
{
    const struct json *one = json_first(json_get(owner, "claims"));
    while (claim-- > 0 && one != NULL)
        one = json_next(one);
    return one;
}

void replicas_claim_id(const struct object_id *id, const struct json *owner, size_t claim, size_t place,
                       struct object_id *child)
{
    const char *template = json_get_text(json_get(replicas_claim(owner, claim), "metadata"), "name");
    owner_child_id(id, "persistentvolumeclaims", child, "%s-%.180s-%" PRId64, template, id->name,
                   replicas_start(owner) + (int64_t)place);
}

struct json *replicas_claim_child(const struct object_id *id, const struct json *owner, size_t claim, size_t place)
{
    const struct json *template = replicas_claim(owner, claim);
    struct object_id child;
    replicas_claim_id(id, owner, claim, place, &child);
    struct json *document = owner_child_new(id, &child, template, json_get_boolean(owner, "dropClaimsDeleted", false));
    json_set(document, "spec", json_copy(json_get(template, "spec")));
    return document;
}
