/* Whether a container's image is there to start with, or has to be pulled first: a pure function of the pull policy, of
 * what is known of the image's name, and of the time. Kubernetes: Images, pull policy; beyond it, at the edge: `Always`
 * with no registry in reach starts what is here, and says so.
 */
#ifndef MODEL_IMAGE_PULL_H
#define MODEL_IMAGE_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "model/pod.h"

/* An answer that does not come is waited for so long, where the image is here already. */
#define IMAGE_CHECK_MS 5000u

/* What is known of an image by its name. Times count on CLOCK_BOOTTIME; 0: never. */
struct image_known {
    bool present;
    bool pulling;
    bool fetching;              /* the pull brings layers: the registry has answered */
    uint64_t pulling_since_ms;
    uint64_t good_ms;           /* newest good end of a pull */
    uint64_t failed_ms;         /* newest bad one */
    uint64_t retry_ms;          /* no new pull before */
    bool answered;              /* the bad end was the registry's answer: no such image, no access */
};

struct image_need {
    int64_t policy;       /* enum pull_policy */
    bool strict;          /* [images] strict_pull */
    bool has_run;         /* this container ran with it: a restart must not depend on a registry */
    uint64_t since_ms;    /* when the need for this start arose: Always wants a look at the registry after it */
};

enum image_state { IMAGE_READY, IMAGE_NEVER, IMAGE_PULLING, IMAGE_BACKOFF };

struct image_verdict {
    enum image_state state;
    bool begin;       /* a pull is to begin now (state PULLING) */
    bool stale;       /* ready, but nobody could say whether it is the newest */
    uint64_t wake_ms; /* look again then; 0: no need */
};

struct image_verdict image_decide(const struct image_need *need, const struct image_known *known, uint64_t now_ms);

/* Kubernetes' ladder: 10 s doubling to 300 s. */
uint64_t image_backoff_ms(uint64_t failures);

#endif
