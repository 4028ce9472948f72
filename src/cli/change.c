#include "config.h"

#include "cli/change.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/status.h"
#include "davit/limits.h"
#include "protocol/document.h"

/* Of a publish packet around topic and payload: fixed header, lengths, packet id, properties. */
#define PACKET_OVERHEAD_BYTES 32

const char *change_word(enum change change)
{
    static const char *const WORDS[] = {
        [CHANGE_NONE] = "unchanged", [CHANGE_CREATED] = "created", [CHANGE_CONFIGURED] = "configured"};
    return WORDS[change];
}

bool change_is_same(const struct json *a, const struct json *b)
{
    char a_content[DIGEST_HEX_BYTES], b_content[DIGEST_HEX_BYTES];
    document_content(a, a_content);
    document_content(b, b_content);
    return strcmp(a_content, b_content) == 0;
}

/* What the node accepted is what the broker holds, unless it said otherwise; where the broker lost it, it has it still. */
enum change change_of(const struct target *target, const struct json *wanted)
{
    if (target_is_wanted(target))
        return !target_was_out_of_order(target) && change_is_same(target->desired, wanted) ? CHANGE_NONE : CHANGE_CONFIGURED;
    bool is_lost = target->desired == NULL && target->kind == TARGET_OBJECT && status_observed_generation(target->status) > 0;
    return is_lost ? CHANGE_CONFIGURED : CHANGE_CREATED;
}

bool change_check_size(const struct target *target, const struct json *wanted, const char *origin, size_t packet_limit,
                       struct error *err)
{
    AUTO_JSON struct json *whole = json_copy(wanted);
    size_t most = target->kind == TARGET_BUNDLE ? LIMIT_BUNDLE_BYTES : LIMIT_DOCUMENT_BYTES;
    target_set_generation(whole, DOCUMENT_GENERATION_MAX);
    AUTO_FREE char *payload = json_print(whole);
    size_t len = strlen(payload);
    if (len > most)
        return error_set(err, ERROR_LIMIT, "%s: %zu bytes, and a node takes at most %zu of one %s", origin, len, most,
                         target->kind == TARGET_BUNDLE ? "bundle" : "object");
    if (packet_limit > 0 && len + strlen(target->desired_topic) + PACKET_OVERHEAD_BYTES > packet_limit)
        return error_set(err, ERROR_LIMIT, "%s: %zu bytes, and this broker takes packets of at most %zu", origin, len,
                         packet_limit);
    return true;
}

bool change_publish(struct session *session, struct target *target, struct json *wanted, struct error *err)
{
    target->generation = target_next_generation(target);
    target_set_generation(wanted, target->generation);
    AUTO_FREE char *payload = json_print(wanted);
    return session_publish_soon(session, target->desired_topic, payload, strlen(payload), err);
}

/* kubectl's words: a bare --dry-run is the client's. The decoder of the nodes is here too, so both find the same. */
bool dry_run_read(const struct options *options, struct dry_run *dry, struct error *err)
{
    const char *word = options->dry_run;
    *dry = (struct dry_run){.note = ""};
    if (word == NULL || strcmp(word, "none") == 0)
        return true;
    if (*word != '\0' && strcmp(word, "client") != 0 && strcmp(word, "server") != 0)
        return error_set(err, ERROR_INVALID, "--dry-run=%s is neither none, client nor server", word);
    *dry = (struct dry_run){.is_dry = true, .note = strcmp(word, "server") == 0 ? " (server dry run)" : " (dry run)"};
    return true;
}
