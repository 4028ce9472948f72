/* Within the files of the puller: jobs, and the layers they bring. Nothing is freed within a callback: what fails or is
 * done is marked, and ended by the timer on the loop's next turn.
 */
#ifndef CORE_PULL_JOB_H
#define CORE_PULL_JOB_H

#include "core/puller.h"
#include "davit/limits.h"
#include "image/image_config.h"
#include "image/manifest.h"
#include "image/reference.h"

#define PULL_ENDPOINT_BYTES 256
#define PULL_REASON_BYTES 64
#define PULL_NOTE_BYTES 256
#define PULL_RATE_SAMPLES 6 /* one a second: the rate is that of the last 5 s */

/* ---- a layer that is not here yet, for all jobs that need it */

enum layer_state {
    LAYER_WANTED,
    LAYER_COMING, /* from its owner's davit-fetch into a davit-unpack */
    LAYER_WHOLE   /* in its staging folder, both digests right */
};

struct pull_layer {
    struct puller *puller;
    char diff_id[DIGEST_OCI_BYTES]; /* of a disk, which has none yet, its source */
    size_t users; /* jobs */
    enum layer_state state;
    struct pull_job *owner; /* who brings it; NULL: nobody, or its job is over */
    size_t owner_at;        /* which of the owner's layers it is */
    char *staging;          /* davit-unpack's folder; the layer is "0" in it */
    struct peer *unpack;
    int64_t fetch_id;       /* of davit-fetch's answers */
    bool fetched;           /* the last of them has come */
    bool wants_lowers;
    int64_t max_bytes;      /* unpacked */
    int64_t stored_bytes;   /* come so far */
    int64_t bytes;          /* unpacked, once it is whole */
    int64_t index;                      /* of the endpoint it came from; -1 not known */
    char endpoint[PULL_ENDPOINT_BYTES]; /* for people */
    char reason[PULL_REASON_BYTES];     /* davit-unpack's, that waits for davit-fetch's word; "" none */
    char message[ERROR_MESSAGE_BYTES];
    char disk[DIGEST_OCI_BYTES];        /* of a disk that is whole: of its file, and of what was served */
    char served[DIGEST_OCI_BYTES];
    UT_hash_handle hh;
};

/* ---- a job */

enum job_stage { JOB_MANIFEST, JOB_CONFIG, JOB_LAYERS, JOB_PLACING };

struct job_layer {
    char diff_id[DIGEST_OCI_BYTES];
    struct descriptor blob;
    int64_t from;             /* endpoints before this one had wrong bytes */
    struct pull_layer *layer; /* NULL: it was here when the layers were looked at, and is pinned */
};

struct pull_job {
    struct puller *puller;
    struct reference reference;
    char name[REFERENCE_TEXT_BYTES];
    struct json *auths;
    struct peer *fetch;
    size_t endpoints;
    int64_t last_id;     /* of what davit-fetch was asked */
    int64_t asked_id;    /* manifest or configuration */
    enum job_stage stage;
    bool disk;           /* the image is one disk: its only layer is that, and it has no configuration at the source */
    unsigned depth;      /* of indexes */
    uint64_t due_ms;     /* boot */
    char manifest_digest[DIGEST_OCI_BYTES]; /* "" not known yet: a tag */
    int64_t manifest_size;                  /* -1: nobody says */
    char manifest_from[PULL_ENDPOINT_BYTES];
    struct manifest manifest;
    char id[DIGEST_OCI_BYTES]; /* the image's; of a disk, once it is here */
    char note[PULL_NOTE_BYTES]; /* what is to be said of a good end; "" nothing */
    struct image_config_content content;
    struct job_layer *layers; /* lowest first, each diff-id once */
    size_t layer_count;
    uint64_t sampled_ms;      /* boot */
    int64_t samples[PULL_RATE_SAMPLES];
    size_t sample_count;
    bool over;                /* the timer ends it */
    char reason[PULL_REASON_BYTES]; /* "" it is there */
    char message[ERROR_MESSAGE_BYTES];
    struct pull_job *next;
};

struct pull_watch {
    struct puller *puller;
    char *reference;
    puller_answer answer;
    void *ctx;
    struct pull_watch *next;
};

struct puller {
    struct daemon *daemon;
    uv_timer_t timer;
    struct pull_job *jobs;     /* oldest first */
    struct pull_job *placing;  /* one at a time: two may have a layer in common */
    struct pull_layer *layers; /* by diff-id */
    struct pull_watch *watches;
    uint64_t serial;
};

/* puller.c: the first word counts. */
void job_fail(struct pull_job *job, const char *reason, const char *format, ...) __attribute__((format(printf, 3, 4)));
void job_succeed(struct pull_job *job);

/* pull_open.c: davit-fetch's first frame; `fds` holds LIMIT_FRAME_FDS, what is in it is the caller's to close in any
 * case. NULL on error.
 */
MUST_CHECK struct json *pull_open(const struct config *config, const struct reference *reference,
                                  const struct json *auths, int *fds, size_t *fd_count, struct error *err);

/* A disk by its URL without TLS; false: *err says why it is not asked for. */
MUST_CHECK bool pull_disk_may(const struct config *config, const struct reference *reference, struct error *err);

/* pull_image.c: manifest and configuration. */
void pull_image_begin(struct pull_job *job);
/* `got` or `failed` for what pull_image asked. */
void pull_image_answer(struct pull_job *job, const struct frame *frame);

/* pull_layer.c */
void pull_layers_begin(struct pull_job *job);
void pull_layers_begin_disk(struct pull_job *job, const char *key, const struct descriptor *blob);
void pull_layers_none(struct pull_job *job); /* the image is here: its name is all that is placed */
/* Starts what may start, in all jobs; those that are complete go on. */
void pull_layers_pump(struct puller *puller);
/* `progress`, `got` or `failed` for a layer of this job. */
void pull_layers_answer(struct pull_job *job, const struct frame *frame);
void pull_layers_release(struct pull_job *job);
void pull_layers_progress(const struct pull_job *job, struct pull_progress *out);

/* pull_unpack.c: one layer's davit-unpack. */
void layer_start(struct pull_job *job, size_t at);
/* Back to LAYER_WANTED; its folder goes. */
void layer_stop(struct pull_layer *layer);
/* davit-fetch's word on its transfer. */
void layer_fetch_answer(struct pull_layer *layer, const struct frame *frame);

/* pull_disk.c: where a layer is a disk. */
void pull_disk_begin(struct pull_job *job);          /* by its URL */
void pull_disk_begin_artifact(struct pull_job *job); /* by its manifest */
struct json *pull_disk_unpack_head(const struct pull_layer *layer);
struct json *pull_disk_fetch_head(const struct pull_job *job); /* of a URL */
/* davit-unpack's last word but `done`. */
MUST_CHECK bool pull_disk_came(struct pull_layer *layer, const struct json *head);
void pull_disk_name(struct pull_job *job); /* it is whole: which image is it? */

/* pull_place.c */
int64_t pull_used_bytes(const struct puller *puller);
/* Of the quota and the disk: what may a layer take, unpacked? False: the job has failed. */
MUST_CHECK bool pull_make_room(struct pull_job *job); /* what nothing needs goes for it */
int64_t pull_room(const struct puller *puller);
void pull_place(struct pull_job *job);

#endif
