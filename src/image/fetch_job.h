/* One manifest or blob: from the question to `got` or `failed`, over endpoints, redirects and further tries. */
#ifndef IMAGE_FETCH_JOB_H
#define IMAGE_FETCH_JOB_H

#include "base/digest.h"
#include "base/strbuf.h"
#include "image/fetch_http.h"
#include "image/fetch_sink.h"
#include "wire/frame.h"

#define FAILURE_TEXT_BYTES (ERROR_MESSAGE_BYTES + 256)

enum job_kind { JOB_MANIFEST, JOB_BLOB, JOB_STREAM };

enum job_phase {
    JOB_ASKING,   /* the registry, or where it led to */
    JOB_FLUSHING, /* all came; the pipe has not taken it all */
    JOB_OVER      /* answered; to be freed */
};

struct failure {
    const char *reason; /* docs/wire.md; NULL: none */
    char text[FAILURE_TEXT_BYTES]; /* what came back, and what to do */
};

/* What is known of an endpoint, for all jobs. */
struct place {
    const struct fetch_endpoint *endpoint;
    struct url base; /* where it is asked */
};

struct fetch {
    struct fetch_options options;
    struct http *http;
    struct place *places; /* as many as endpoints */
    struct job *jobs;
};

struct job {
    struct job *next;
    struct fetch *fetch;
    enum job_kind kind;
    int64_t id;
    char *repository;
    char *reference;               /* a tag or a digest */
    char digest[DIGEST_OCI_BYTES]; /* what it must have; "": asked by its tag */
    int64_t size;                  /* -1: not known */
    struct sink sink;

    size_t place;         /* asked now */
    size_t source;        /* where the first byte came from */
    struct strbuf before; /* what the places before this one said */
    enum job_phase phase;
    uint64_t said_ms; /* the last progress */
    int64_t said_bytes;

    /* of the exchange that is under way */
    struct exchange *exchange;
    struct failure failure;
    bool draining; /* the body is of no interest */
    size_t drained;
    bool full; /* the pipe is waited for */
    char *media_type;
};

/* Takes the descriptor of a stream. NULL: the frame makes no sense. */
MUST_CHECK struct job *job_new(struct fetch *fetch, struct frame *frame, enum job_kind kind, struct error *err);
void job_free(struct job *job);
void job_start(struct job *job);
void job_cancel(struct job *job, const char *why); /* answers `failed` */
/* The pipe may take more, or time has passed. */
void job_turn(struct job *job, uint64_t now_ms);

#endif
