/* The words of `davit rollout`, each on one object. */
#ifndef CLI_ROLLOUT_H
#define CLI_ROLLOUT_H

#include "cli/options.h"
#include "model/object_id.h"
#include "protocol/names.h"

struct rollout {
    const struct options *options;
    const struct resource *resource;
    struct object_id id;
};

enum exit_code rollout_status(const struct rollout *rollout, struct error *err);
enum exit_code rollout_history(const struct rollout *rollout, struct error *err);
enum exit_code rollout_undo(const struct rollout *rollout, struct error *err);
enum exit_code rollout_pause(const struct rollout *rollout, struct error *err);
enum exit_code rollout_resume(const struct rollout *rollout, struct error *err);

/* Waits until it is rolled out, and says on stdout how far it is, as kubectl does. Exported for undo --wait. */
struct session;
struct target_set;
enum exit_code rollout_follow(struct target_set *set, struct session *session, uint64_t wait_ms, struct error *err);

#endif
