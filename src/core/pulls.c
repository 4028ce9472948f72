#include "core/pulls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "core/core.h"
#include "core/runtime.h"
#include "image/reference.h"
#include "protocol/secret_fields.h"

#define MISSING_BYTES 160
#define FRESH_MS 2000u /* a failure is shown as one so long, then as a back-off (Kubernetes shows both) */

struct pull {
    char *reference;
    struct image_known known; /* but for `present` */
    uint64_t failures;
    bool asked; /* by a person: it goes on without a pod */
    char reason[REASON_BYTES];
    char message[ERROR_MESSAGE_BYTES];
    char missing[MISSING_BYTES]; /* imagePullSecrets that are not here, or no credentials */
    struct pull_progress progress;
    UT_hash_handle hh;
};

static void pull_free(struct pulls *pulls, struct pull *pull)
{
    HASH_DEL(pulls->table, pull);
    free(pull->reference);
    free(pull);
}

void pulls_free(struct pulls *pulls)
{
    struct pull *pull, *next;
    HASH_ITER(hh, pulls->table, pull, next)
        pull_free(pulls, pull);
}

static bool normalise(const char *word, char out[REFERENCE_TEXT_BYTES])
{
    struct error ignored; /* a pod with such a word was refused */
    struct reference reference;
    if (!reference_parse(word, &reference, &ignored))
        return false;
    reference_format(&reference, out);
    return true;
}

static struct pull *find(const struct core *core, const char *word)
{
    char reference[REFERENCE_TEXT_BYTES];
    struct pull *pull = NULL;
    if (normalise(word, reference))
        HASH_FIND_STR(core->pulls.table, reference, pull);
    return pull;
}

static bool names(const struct pod *pod, const char *reference)
{
    char normalised[REFERENCE_TEXT_BYTES];
    for (size_t i = 0; pod != NULL && i < pod_image_count(pod); i++)
        if (pod_image(pod, i) != NULL && normalise(pod_image(pod, i), normalised) && strcmp(normalised, reference) == 0)
            return true;
    return false;
}

static bool is_named(const struct object *object, const char *reference)
{
    const struct slot *ruling = object_ruling(object);
    return ruling != NULL && (names(ruling->pod, reference) || names(object->held, reference));
}

/* What is remembered of names that no pod has any more is not kept for ever. */
static void forget(struct core *core)
{
    struct pull *pull, *next;
    HASH_ITER(hh, core->pulls.table, pull, next) {
        bool named = pull->known.pulling;
        for (const struct object *object = core->objects.table; object != NULL && !named; object = object->hh.next)
            named = is_named(object, pull->reference);
        if (!named)
            pull_free(&core->pulls, pull);
    }
}

static struct pull *make(struct core *core, const char *word)
{
    char reference[REFERENCE_TEXT_BYTES];
    struct pull *pull = find(core, word);
    if (pull != NULL || !normalise(word, reference))
        return pull;
    if (HASH_COUNT(core->pulls.table) >= LIMIT_PULL_RECORDS)
        forget(core);
    pull = mem_alloc(sizeof(*pull));
    pull->reference = mem_strdup(reference);
    HASH_ADD_KEYPTR(hh, core->pulls.table, pull->reference, strlen(pull->reference), pull);
    return pull;
}

/* ---- looking */

static void size_text(int64_t bytes, char out[24])
{
    if (bytes < 1000 * 1000)
        snprintf(out, 24, "%.1f kB", (double)bytes / 1e3);
    else
        snprintf(out, 24, "%.1f MB", (double)bytes / 1e6);
}

static void describe_progress(const struct pull *pull, struct container_image *image)
{
    const struct pull_progress *progress = &pull->progress;
    char bytes[24], total[24], rate[24];
    if (progress->layers == 0) {
        snprintf(image->message, sizeof(image->message), "pulling image: asking the registry");
        return;
    }
    size_text(progress->bytes, bytes);
    size_text(progress->total, total);
    size_text(progress->bytes_per_second, rate);
    snprintf(image->message, sizeof(image->message), "pulling image: %s of %s, %zu of %zu layers, %s/s", bytes, total,
             progress->layer, progress->layers, rate);
}

static void describe_failure(const struct core *core, const struct pull *pull, const char *word,
                             struct container_image *image)
{
    bool fresh = core_boot_ms(core) < pull->known.failed_ms + FRESH_MS;
    snprintf(image->reason, sizeof(image->reason), "%s", fresh ? "ErrImagePull" : "ImagePullBackOff");
    if (fresh)
        snprintf(image->message, sizeof(image->message), "%.40s: %.440s", pull->reason, pull->message);
    else
        snprintf(image->message, sizeof(image->message), "Back-off pulling image \"%.120s\": %.40s: %.310s", word, pull->reason,
                 pull->message);
    if (fresh && image->verdict.wake_ms > pull->known.failed_ms + FRESH_MS)
        image->verdict.wake_ms = pull->known.failed_ms + FRESH_MS;
}

static void describe(const struct core *core, const struct pull *pull, const char *word, struct container_image *image)
{
    snprintf(image->reason, sizeof(image->reason), "ContainerCreating"); /* Kubernetes' word while an image comes */
    image->message[0] = '\0';
    if (image->verdict.state == IMAGE_NEVER) {
        snprintf(image->reason, sizeof(image->reason), "ErrImageNeverPull");
        snprintf(image->message, sizeof(image->message), "Container image \"%.200s\" is not present with pull policy of Never: "
                 "bring it with davit image import FILE", word);
    } else if (image->verdict.state == IMAGE_BACKOFF) {
        describe_failure(core, pull, word, image);
    } else if (pull != NULL && pull->known.pulling) {
        describe_progress(pull, image);
    } else {
        snprintf(image->message, sizeof(image->message), "the image is to be pulled; %d pulls run already", LIMIT_PULLS);
    }
}

/* Kubernetes: Always for :latest, which is also what a name without a tag means. */
static enum pull_policy policy_of(const char *word, int64_t said)
{
    struct error ignored; /* a pod with such a word was refused */
    struct reference reference;
    if (said != PULL_BY_TAG)
        return (enum pull_policy)said;
    bool newest = reference_parse(word, &reference, &ignored) && reference.digest[0] == '\0' &&
                  strcmp(reference.tag, "latest") == 0;
    return newest ? PULL_ALWAYS : PULL_IF_NOT_PRESENT;
}

/* As the kubelet: what is no name of an image waits for a better one. */
static bool refuse_name(const char *word, struct container_image *image)
{
    struct error err;
    struct reference reference;
    bool parsed = reference_parse(word, &reference, &err);
    if (parsed && reference.url[0] == '\0')
        return false;
    if (parsed)
        (void)error_set(&err, ERROR_INVALID, "a URL is a disk, of which no container can be made");
    image->verdict.state = IMAGE_NEVER;
    snprintf(image->reason, sizeof(image->reason), "InvalidImageName");
    snprintf(image->message, sizeof(image->message), "Failed to apply default image tag \"%.120s\": couldn't parse image name "
             "\"%.120s\": invalid reference format: %.150s", word, word, err.message);
    return true;
}

static void look_at(const struct core *core, const char *word, const struct image_need *need, struct container_image *image)
{
    const struct pull *pull = find(core, word);
    struct image_known known = pull != NULL ? pull->known : (struct image_known){ 0 };
    known.present = images_find(&core->images, word) != NULL;
    image->verdict = image_decide(need, &known, core_boot_ms(core));
    image->image = word;
    if (image->verdict.state != IMAGE_READY)
        describe(core, pull, word, image);
}

void pulls_look(const struct core *core, const struct object *object, const struct pod *pod, size_t index,
                const struct container_memory *memory, struct container_image *image)
{
    const struct container *container = pod_container(pod, index);
    const struct volume_mount *mounts = container->mounts.items;
    memset(&image->verdict, 0, sizeof(image->verdict));
    image->image = container->image;
    image->reason[0] = '\0';
    if (!runtime_seen(core, object)->needs_images)
        return;
    if (container->image != NULL && refuse_name(container->image, image))
        return;
    struct image_need need = { .strict = core->config->images.strict_pull,
                               .has_run = memory != NULL && memory->begun >= 0, .since_ms = object->since_boot_ms };
    if (memory != NULL && memory->last.finished_boot_ms > need.since_ms)
        need.since_ms = memory->last.finished_boot_ms;
    if (container->image != NULL) {
        need.policy = policy_of(container->image, container->image_pull_policy);
        look_at(core, container->image, &need, image);
    }
    for (size_t i = 0; i < container->mounts.count && image->verdict.state == IMAGE_READY; i++) {
        const struct image_source *source = pod_mount_image(pod, &mounts[i]);
        if (source == NULL)
            continue;
        need.policy = policy_of(source->reference, source->pull_policy);
        look_at(core, source->reference, &need, image);
    }
}

bool pulls_ready(const struct core *core, const struct object *object, const struct pod *pod)
{
    struct container_image image;
    for (size_t i = 0; i < pod_count(pod); i++) {
        pulls_look(core, object, pod, i, NULL, &image);
        if (image.verdict.state != IMAGE_READY)
            return false;
    }
    return true;
}

/* ---- beginning */

/* Those of a pod's imagePullSecrets that are here, each once; the names of the others go to `missing`. */
static void gather(const struct core *core, const struct object *object, const struct pod *pod, struct json *auths,
                   struct strbuf *missing)
{
    for (size_t i = 0; pod != NULL && i < pod->pull_secrets.count; i++) {
        struct object_id id = { .resource = "secrets" };
        memcpy(id.namespace, object->id.namespace, sizeof(id.namespace));
        snprintf(id.name, sizeof(id.name), "%s", pod_pull_secret(pod, i)->name);
        const struct object *secret = objects_find(&core->objects, &id);
        const struct slot *slot = secret != NULL ? object_ruling(secret) : NULL;
        if (slot == NULL || slot->data == NULL || !secret_add_auths(slot->data, auths))
            strbuf_printf(missing, "%s%s/%s", missing->len > 0 ? ", " : "", id.namespace, id.name);
    }
}

/* Of every pod that wants the image: one pull is for all of them. */
static struct json *auths_for(const struct core *core, const char *reference, struct strbuf *missing)
{
    struct json *auths = json_new_array();
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct slot *ruling = object_ruling(object);
        if (ruling != NULL && names(ruling->pod, reference))
            gather(core, object, ruling->pod, auths, missing);
        if (names(object->held, reference))
            gather(core, object, object->held, auths, missing);
    }
    return auths;
}

static void begin(struct core *core, struct pull *pull, const struct json *auths)
{
    pull->known.pulling = true;
    pull->known.fetching = false;
    pull->known.pulling_since_ms = core_boot_ms(core);
    memset(&pull->progress, 0, sizeof(pull->progress));
    core->pulls.running++;
    core->env->pull(core->env->ctx, pull->reference, auths);
}

void pulls_begin(struct core *core, struct object *object, const char *word)
{
    struct pull *pull = make(core, word);
    if (pull == NULL || pull->known.pulling || core->pulls.running >= LIMIT_PULLS)
        return;
    AUTO_STRBUF struct strbuf missing;
    strbuf_init(&missing, MISSING_BYTES);
    AUTO_JSON struct json *auths = auths_for(core, pull->reference, &missing);
    core_event(core, object, false, "Pulling", "Pulling image \"%s\"", word);
    snprintf(pull->missing, sizeof(pull->missing), "%s", missing.data != NULL ? missing.data : "");
    begin(core, pull, auths);
}

void pulls_ask(struct core *core, const char *reference, const struct json *auths)
{
    struct pull *pull = make(core, reference);
    if (pull == NULL)
        return;
    pull->asked = true;
    if (!pull->known.pulling)
        begin(core, pull, auths);
}

static bool pod_uses(const struct pod *pod, const struct object *secret)
{
    for (size_t i = 0; pod != NULL && i < pod->pull_secrets.count; i++)
        if (strcmp(pod_pull_secret(pod, i)->name, secret->id.name) == 0)
            return true;
    return false;
}

static void retry(struct core *core, const struct pod *pod)
{
    for (size_t i = 0; i < pod_image_count(pod); i++) {
        struct pull *pull = pod_image(pod, i) != NULL ? find(core, pod_image(pod, i)) : NULL;
        if (pull == NULL || pull->known.retry_ms == 0)
            continue;
        pull->known.retry_ms = 0;
        pull->failures = 0;
    }
}

void pulls_secret_changed(struct core *core, const struct object *secret)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct slot *ruling = object_ruling(object);
        if (ruling == NULL || strcmp(object->id.namespace, secret->id.namespace) != 0 || !pod_uses(ruling->pod, secret))
            continue;
        retry(core, ruling->pod);
        core_touch(core, object);
    }
}

/* ---- who waits */

static bool waits_for(const struct object *object, const struct pull *pull)
{
    return object->pulling && is_named(object, pull->reference);
}

static bool is_wanted(const struct core *core, const struct pull *pull)
{
    if (pull->asked)
        return true;
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (waits_for(object, pull))
            return true;
    return false;
}

void pulls_drop_unwanted(struct core *core)
{
    struct pull *pull, *next;
    HASH_ITER(hh, core->pulls.table, pull, next) {
        if (pull->known.pulling && !is_wanted(core, pull))
            core->env->cancel_pull(core->env->ctx, pull->reference);
    }
}

/* ---- what came of it */

void core_pull_progress(struct core *core, const char *reference, const struct pull_progress *progress)
{
    struct pull *pull = find(core, reference);
    if (pull == NULL)
        return;
    pull->progress = *progress;
    pull->known.fetching = true;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (waits_for(object, pull))
            core_touch(core, object);
}

/* What a registry answered, rather than that it could not be asked. */
static bool is_answer(const char *reason)
{
    static const char *const answers[] = { "NotFound", "Unauthorized", "NoPlatform", "InvalidImage" };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (strcmp(answers[i], reason) == 0)
            return true;
    return false;
}

static void note_failure(struct core *core, struct pull *pull, const char *reason, const char *message)
{
    uint64_t now = core_boot_ms(core);
    pull->failures++;
    pull->known.failed_ms = now;
    pull->known.retry_ms = now + image_backoff_ms(pull->failures);
    pull->known.answered = is_answer(reason);
    snprintf(pull->reason, sizeof(pull->reason), "%s", reason);
    snprintf(pull->message, sizeof(pull->message), "%.310s%s%.150s", message,
             pull->missing[0] != '\0' ? "; imagePullSecrets that are not here: " : "", pull->missing);
}

/* Of what came, whoever waited for it may have begun already. */
static void warn(struct core *core, const struct pull *pull, const char *message)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (is_named(object, pull->reference))
            core_event(core, object, true, "ImageNotChecked", "%s: %s", pull->reference, message);
}

static void tell(struct core *core, const struct pull *pull, const char *reason, const char *message)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        if (!waits_for(object, pull))
            continue;
        if (reason == NULL)
            core_event(core, object, false, "Pulled", "Successfully pulled image \"%s\"", pull->reference);
        else if (pull->failures <= 1)
            core_event(core, object, true, "Failed", "Failed to pull image \"%s\": %s: %s", pull->reference, reason, message);
        core_touch(core, object);
    }
}

void core_pull_ended(struct core *core, const char *reference, const char *id, const char *reason, const char *message)
{
    struct pull *pull = find(core, reference);
    (void)id;
    if (pull == NULL || !pull->known.pulling)
        return;
    pull->known.pulling = pull->known.fetching = pull->asked = false;
    core->pulls.running--;
    if (reason != NULL && strcmp(reason, "Cancelled") != 0) {
        note_failure(core, pull, reason, message);
    } else if (reason == NULL) {
        pull->failures = 0;
        pull->known.good_ms = core_boot_ms(core);
        pull->known.retry_ms = 0;
    }
    tell(core, pull, reason, message);
    if (reason == NULL && message != NULL)
        warn(core, pull, message);
    /* One of those that waited for a place goes on. */
    core_touch_all(core);
}

/* ---- the status */

static const char *stale(const struct core *core, const char *word, int64_t policy)
{
    const struct pull *pull = find(core, word);
    bool failed = pull != NULL && pull->known.failed_ms > pull->known.good_ms;
    bool here = images_find(&core->images, word) != NULL;
    return failed && here && policy_of(word, policy) == PULL_ALWAYS ? pull->message : NULL;
}

const char *pulls_stale(const struct core *core, const struct pod *pod)
{
    const char *why = NULL;
    for (size_t i = 0; i < pod_count(pod) && why == NULL; i++)
        if (pod_container(pod, i)->image != NULL)
            why = stale(core, pod_container(pod, i)->image, pod_container(pod, i)->image_pull_policy);
    for (size_t i = 0; i < pod->volumes.count && why == NULL; i++)
        if (pod_volume(pod, i)->image != NULL)
            why = stale(core, pod_volume(pod, i)->image->reference, pod_volume(pod, i)->image->pull_policy);
    return why;
}

void pulls_write(const struct core *core, const struct pod *pod, struct json *images)
{
    for (size_t i = 0; i < pod_image_count(pod); i++) {
        const struct pull *pull = pod_image(pod, i) != NULL ? find(core, pod_image(pod, i)) : NULL;
        if (pull == NULL || !pull->known.pulling)
            continue;
        struct json *one = json_add_object(images);
        json_set_text(one, "image", pod_image(pod, i));
        json_set_integer(one, "bytes", pull->progress.bytes);
        json_set_integer(one, "total", pull->progress.total);
        json_set_integer(one, "bytesPerSecond", pull->progress.bytes_per_second);
        json_set_integer(one, "layer", (int64_t)pull->progress.layer);
        json_set_integer(one, "layers", (int64_t)pull->progress.layers);
    }
}
