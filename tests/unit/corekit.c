#include "corekit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#define SETTLE_TURNS 60

static uint64_t boot_ms(void *ctx)
{
    return ((struct corekit *)ctx)->now;
}

static uint64_t wall_ms(void *ctx)
{
    return ((struct corekit *)ctx)->wall;
}

static void random_bytes(void *ctx, void *out, size_t len)
{
    memset(out, ++((struct corekit *)ctx)->random, len);
}

static void pause_link(void *ctx, bool paused)
{
    ((struct corekit *)ctx)->paused = paused;
}

static void pull(void *ctx, const char *reference, const struct json *auths)
{
    struct corekit *kit = ctx;
    assert_null(json_get(kit->pulls, reference));
    json_set(kit->pulls, reference, auths != NULL ? json_copy(auths) : json_new_array());
}

static void cancel_pull(void *ctx, const char *reference)
{
    json_add_text(((struct corekit *)ctx)->cancelled, reference);
}

static void drop_layer(void *ctx, int64_t folder)
{
    json_add(((struct corekit *)ctx)->dropped, json_new_integer(folder));
}

static void purge_claim(void *ctx, const char *namespace, const char *name)
{
    struct corekit *kit = ctx;
    AUTO_FREE char *key = mem_printf("%s/%s", namespace, name);
    json_add_text(kit->purged, key);
    JSON_EACH(instance, kit->instances)
        JSON_EACH(claim, json_get(json_get(instance, "record"), "claims"))
            kit->purged_wrongly = kit->purged_wrongly || (strcmp(json_text(claim), name) == 0 &&
                                                          strcmp(json_get_text(instance, "state"), "exited") != 0);
}

static struct json *parse(const char *text)
{
    struct error err;
    struct json *json = json_parse(text, strlen(text), &err);
    if (json == NULL)
        fail_msg("%s: %s", err.message, text);
    return json;
}

static void to_link(void *ctx, struct json *head, const void *body, size_t len)
{
    struct corekit *kit = ctx;
    AUTO_JSON struct json *mine = head;
    AUTO_FREE char *text = mem_strndup(body != NULL ? body : "", len);
    const char *topic = json_get_text(head, "topic");
    if (strcmp(json_get_text(head, "op"), "taken") == 0) {
        kit->taken = json_get_integer(head, "seq", 0);
        return;
    }
    if (strcmp(json_get_text(head, "op"), "subscribe") == 0) {
        json_free(kit->subscribed);
        kit->subscribed = mem_steal(&mine);
        return;
    }
    assert_string_equal(json_get_text(head, "op"), "publish");
    json_add(kit->unacked, json_new_integer(json_get_integer(head, "id", 0)));
    if (strcmp(topic, NODE_TOPIC "/events") == 0)
        json_add(kit->events, parse(text));
    else
        json_set_text(kit->broker, topic, text);
}

static void to_runtime(void *ctx, struct json *head, const void *body, size_t len)
{
    struct corekit *kit = ctx;
    AUTO_JSON struct json *mine = head;
    const char *name = json_get_text(head, "call");
    if (name == NULL)
        return; /* open */
    AUTO_FREE char *text = mem_strndup(body != NULL ? body : "", len);
    struct json *call = json_add_object(kit->calls);
    json_set_text(call, "call", name);
    json_set_integer(call, "id", json_get_integer(head, "id", 0));
    json_set(call, "document", len > 0 ? parse(text) : json_new_object());
    if (strcmp(name, "list") != 0)
        json_add_text(kit->told, name);
}

static void to_runtime_fds(void *ctx, struct json *head, const void *body, size_t len, const int *fds, size_t fd_count)
{
    struct corekit *kit = ctx;
    for (size_t i = 0; i < fd_count; i++)
        assert_true(fcntl(fds[i], F_GETFD) >= 0);
    kit->fd_count = fd_count;
    json_free(kit->fd_names);
    kit->fd_names = json_copy(json_get(head, "fds"));
    to_runtime(ctx, head, body, len);
}

/* It comes up when a test says so. */
static void vms_start(void *ctx)
{
    (void)ctx;
}

static void take_frame(struct corekit *kit, void (*take)(struct core *, const struct frame_view *), const char *head_text,
                       const char *body)
{
    AUTO_JSON struct json *head = parse(head_text);
    const struct frame_view frame = { .head = head, .body = body, .body_len = body != NULL ? strlen(body) : 0 };
    take(kit->core, &frame);
}

void kit_link_frame(struct corekit *kit, const char *head, const char *body)
{
    take_frame(kit, core_link_frame, head, body);
}

void kit_runtime_frame(struct corekit *kit, const char *head, const char *body)
{
    take_frame(kit, core_runtime_frame, head, body);
}

/* ---- the runtime */

static char *key_of(const char *uid, const char *container, int64_t attempt)
{
    return mem_printf("%s/%s/%lld", uid, container, (long long)attempt);
}

static void notify(struct corekit *kit, const struct json *instance)
{
    AUTO_JSON struct json *event = json_new_texts("event", "changed", NULL);
    json_set(event, "instance", json_copy(instance));
    AUTO_FREE char *text = json_print(event);
    kit_runtime_frame(kit, "{\"op\":\"notify\"}", text);
}

static void end_instance(struct corekit *kit, const char *key, int64_t code)
{
    struct json *instance = json_get_mutable(kit->instances, key);
    if (instance == NULL)
        return;
    json_set_text(instance, "state", "exited");
    json_set_integer(instance, "exitCode", code);
    json_set_integer(instance, "finishedAtMs", (int64_t)kit->wall);
    json_set_integer(instance, "finishedBootMs", (int64_t)kit->now);
    notify(kit, instance);
}

static void create(struct corekit *kit, const struct json *document)
{
    const struct json *pod = json_get(document, "pod");
    const char *container = json_get_text(json_get(document, "container"), "name");
    int64_t attempt = json_get_integer(document, "attempt", 0);
    AUTO_FREE char *key = key_of(json_get_text(pod, "uid"), container, attempt);
    struct json *instance = json_new_texts("uid", json_get_text(pod, "uid"), "namespace", json_get_text(pod, "namespace"),
                                           "pod", json_get_text(pod, "name"), "container", container, "state", "created",
                                           NULL);
    json_set_integer(instance, "attempt", attempt);
    json_set(instance, "record", json_copy(json_get(document, "record")));
    json_set(kit->instances, key, instance);
}

static char *list_answer(const struct corekit *kit)
{
    AUTO_JSON struct json *answer = json_new_object();
    struct json *instances = json_set_array(answer, "instances");
    struct json *pods = json_set_array(answer, "pods");
    JSON_EACH(instance, kit->instances) {
        json_add(instances, json_copy(instance));
        json_add_text(pods, json_get_text(instance, "uid"));
    }
    return json_print(answer);
}

/* The answer's body; the caller frees. */
static char *carry_out(struct corekit *kit, const char *name, const struct json *document)
{
    if (strcmp(name, "list") == 0)
        return list_answer(kit);
    if (strcmp(name, "stats") == 0)
        return mem_strdup(kit->stats != NULL ? kit->stats : "{}");
    if (strcmp(name, "create") == 0)
        create(kit, document);
    if (json_get(document, "container") == NULL || strcmp(name, "create") == 0)
        return mem_strdup("{}");
    AUTO_FREE char *key = key_of(json_get_text(document, "uid"), json_get_text(document, "container"),
                                 json_get_integer(document, "attempt", 0));
    struct json *instance = json_get_mutable(kit->instances, key);
    if (strcmp(name, "start") == 0 && instance != NULL) {
        json_set_text(instance, "state", "running");
        json_set_integer(instance, "startedAtMs", (int64_t)kit->wall);
    } else if (strcmp(name, "stop") == 0) {
        end_instance(kit, key, 143);
    } else if (strcmp(name, "remove") == 0) {
        json_remove(kit->instances, key);
    }
    return mem_strdup("{}");
}

static bool answer_calls(struct corekit *kit)
{
    AUTO_JSON struct json *calls = mem_steal(&kit->calls);
    kit->calls = json_new_array();
    JSON_EACH(call, calls) {
        const char *name = json_get_text(call, "call");
        bool fails = kit->failing != NULL && strcmp(kit->failing, name) == 0;
        AUTO_FREE char *body = fails ? NULL : carry_out(kit, name, json_get(call, "document"));
        const char *reason = kit->failing_reason != NULL ? kit->failing_reason : "TestError";
        AUTO_FREE char *head =
            mem_printf(fails ? "{\"op\":\"result\",\"id\":%lld,\"ok\":false,\"result\":\"failed\",\"reason\":\"%s\","
                               "\"message\":\"as asked\"}"
                             : "{\"op\":\"result\",\"id\":%lld,\"ok\":true}",
                       (long long)json_get_integer(call, "id", 0), reason);
        kit_runtime_frame(kit, head, body);
    }
    return json_size(calls) > 0;
}

static bool acknowledge(struct corekit *kit)
{
    AUTO_JSON struct json *ids = mem_steal(&kit->unacked);
    kit->unacked = json_new_array();
    JSON_EACH(one, ids) {
        int64_t id = 0;
        json_integer(one, &id);
        AUTO_FREE char *head = mem_printf("{\"op\":\"published\",\"id\":%lld,\"ok\":true}", (long long)id);
        kit_link_frame(kit, head, NULL);
    }
    return json_size(ids) > 0;
}

void kit_settle(struct corekit *kit)
{
    bool busy = true;
    for (int i = 0; busy; i++) {
        if (i == SETTLE_TURNS)
            fail_msg("it does not come to rest");
        kit->wake_ms = core_settle(kit->core);
        busy = false;
        if (!kit->disk_waits && store_pending(kit->store) > 0) {
            store_dispatch(kit->store);
            busy = true;
        }
        busy = (!kit->runtime_waits && answer_calls(kit)) || busy;
        busy = acknowledge(kit) || busy;
    }
}

void kit_advance(struct corekit *kit, uint64_t ms)
{
    kit->now += ms;
    kit->wall += ms;
    kit_settle(kit);
}

/* ---- images */
void kit_pulled(struct corekit *kit, const char *reference, const char *id)
{
    struct error err;
    struct images *images = &kit->core->images;
    struct image_row row = { .id = id, .manifest = id, .config = "{}", .layers = "[]", .created_ms = kit->wall,
                             .used_ms = kit->wall };
    if (!images_take(images, &row, &err))
        fail_msg("%s", err.message);
    images_take_name(images, &(struct image_name_row){ .reference = reference, .id = id });
    assert_non_null(json_get(kit->pulls, reference));
    json_remove(kit->pulls, reference);
    core_pull_ended(kit->core, reference, id, NULL, NULL);
    kit_settle(kit);
}

void kit_not_pulled(struct corekit *kit, const char *reference, const char *reason)
{
    assert_non_null(json_get(kit->pulls, reference));
    json_remove(kit->pulls, reference);
    core_pull_ended(kit->core, reference, NULL, reason, "as asked");
    kit_settle(kit);
}

/* ---- its life */

void kit_set(struct corekit *kit, const char *assignment)
{
    struct error err;
    if (!config_set(kit->config, assignment, &err))
        fail_msg("%s", err.message);
}

void kit_start(struct corekit *kit)
{
    struct error err = { 0 };
    AUTO_FREE char *path = mem_printf("%s/davit.db", kit->folder);
    kit->store = store_open(path, STORE_MANUAL, kit->env.boot_id, &err);
    kit->core = kit->store != NULL ? core_new(kit->config, &kit->env, kit->store, &err) : NULL;
    if (kit->core == NULL)
        fail_msg("%s", err.message);
    json_free(kit->unacked);
    json_free(mem_steal(&kit->subscribed));
    kit->unacked = json_new_array();
    json_free(kit->calls);
    kit->calls = json_new_array();
    kit_settle(kit);
}

void kit_stop(struct corekit *kit)
{
    /* What waits for the disk holds memory until it is answered. */
    while (store_pending(kit->store) > 0)
        store_dispatch(kit->store);
    core_free(kit->core);
    store_close(kit->store);
    kit->core = NULL;
    kit->store = NULL;
}

void kit_lose_database(struct corekit *kit)
{
    struct error err;
    AUTO_FREE char *path = mem_printf("%s/davit.db", kit->folder);
    AUTO_FREE char *wal = mem_printf("%s-wal", path);
    assert_true(file_remove_tree(path, &err) && file_remove_tree(wal, &err));
}

void kit_connect(struct corekit *kit)
{
    kit_link_frame(kit, "{\"op\":\"connected\",\"receiveMaximum\":20,\"version\":5}", NULL);
    kit_settle(kit);
}

void kit_flood_over(struct corekit *kit)
{
    AUTO_FREE char *nonce = mem_strdup(kit_held(kit, NODE_TOPIC "/sync"));
    kit_message(kit, NODE_TOPIC "/sync", nonce, LIVE, NO_SEQ);
}

void kit_runtime_up(struct corekit *kit)
{
    core_runtime_up(kit->core);
    kit_runtime_frame(kit, "{\"op\":\"opened\",\"plugin\":\"crun\",\"abi\":1}",
                      kit->needs_images ? "{\"version\":\"crun 1\",\"images\":true}"
                                        : "{\"version\":\"crun 1\",\"images\":false}");
    kit_settle(kit);
}

int kit_setup(void **state)
{
    struct corekit *kit = mem_alloc(sizeof(*kit));
    struct error err;
    snprintf(kit->folder, sizeof(kit->folder), "%s", "/tmp/davit-core-XXXXXX");
    if (mkdtemp(kit->folder) == NULL)
        return 1;
    kit->env = (struct core_env){ .ctx = kit, .boot_id = "boot-1", .boot_ms = boot_ms, .wall_ms = wall_ms,
                                  .random = random_bytes, .to_link = to_link, .to_runtime = to_runtime,
                                  .to_runtime_fds = to_runtime_fds, .vms_start = vms_start, .to_vms = to_runtime,
                                  .to_vms_fds = to_runtime_fds,
                                  .pause_link = pause_link, .pull = pull, .cancel_pull = cancel_pull,
                                  .drop_layer = drop_layer, .purge_claim = purge_claim };
    kit->now = 100000;
    kit->wall = 1795410958000;
    kit->broker = json_new_object();
    kit->events = json_new_array();
    kit->instances = json_new_object();
    kit->told = json_new_array();
    kit->pulls = json_new_object();
    kit->cancelled = json_new_array();
    kit->dropped = json_new_array();
    kit->purged = json_new_array();
    kit->config = config_read("/nonexistent/davitd.conf", false, &err);
    kit_set(kit, "node.name=press-7");
    kit_set(kit, "node.groups=line-3");
    *state = kit;
    kit_start(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_runtime_up(kit);
    return 0;
}

int kit_teardown(void **state)
{
    struct corekit *kit = *state;
    struct error err;
    if (kit->core != NULL)
        kit_stop(kit);
    struct json *all[] = { kit->broker, kit->unacked, kit->events, kit->calls, kit->instances, kit->told,
                           kit->pulls, kit->cancelled, kit->dropped, kit->purged, kit->fd_names, kit->subscribed };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        json_free(all[i]);
    config_free(kit->config);
    bool gone = file_remove_tree(kit->folder, &err);
    free(kit);
    return gone ? 0 : 1;
}

/* ---- documents and what became of them */

void kit_message(struct corekit *kit, const char *topic, const char *body, bool retained, int64_t seq)
{
    AUTO_JSON struct json *head = json_new_texts("op", "message", "topic", topic, NULL);
    json_set_integer(head, "qos", 1);
    json_set_boolean(head, "retain", retained);
    if (seq != NO_SEQ)
        json_set_integer(head, "seq", seq);
    AUTO_FREE char *text = json_print(head);
    kit_link_frame(kit, text, body);
    kit_settle(kit);
}

static char *annotations(const char *generation)
{
    return generation == NULL ? mem_strdup("")
                              : mem_printf(",\"annotations\":{\"davit/generation\":\"%s\"}", generation);
}

char *kit_pod(const char *image, const char *generation, const char *more)
{
    AUTO_FREE char *annotated = annotations(generation);
    return mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"hello\"%s},\"spec\":{%s"
                      "\"containers\":[{\"name\":\"web\",\"image\":\"%s\"}]}}", annotated, more, image);
}

char *kit_tombstone(const char *generation)
{
    AUTO_FREE char *annotated = annotations(generation);
    return mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"hello\","
                      "\"deletionTimestamp\":\"2026-11-23T08:17:00Z\"%s}}", annotated);
}

void kit_say(struct corekit *kit, const char *topic, char *document_taken, bool retained)
{
    AUTO_FREE char *document = document_taken;
    kit_message(kit, topic, document, retained, NO_SEQ);
}

void kit_exit_of(struct corekit *kit, const char *pod, int64_t code)
{
    JSON_EACH(instance, kit->instances)
        if (strcmp(json_get_text(instance, "state"), "running") == 0 && (pod == NULL || strcmp(json_get_text(instance, "pod"), pod) == 0)) {
            AUTO_FREE char *key = mem_strdup(json_key(instance));
            end_instance(kit, key, code);
            kit_settle(kit);
            return;
        }
    fail_msg("%s does not run", pod != NULL ? pod : "nothing: it");
}

void kit_exit(struct corekit *kit, int64_t code)
{
    kit_exit_of(kit, NULL, code);
}
