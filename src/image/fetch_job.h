/* One manifest, blob or file: from the question to `got` or `failed`, over endpoints, redirects, tokens and further tries.
 *
 *     job ─► ask ─► judge ─► got
 *      ▲      │       │
 *      │      └► auth ┤
 *      └── again, next┘
 */
#ifndef IMAGE_FETCH_JOB_H
#define IMAGE_FETCH_JOB_H

#include "base/digest.h"
#include "base/strbuf.h"
#include "image/challenge.h"
#include "image/fetch_http.h"
#include "image/fetch_rate.h"
#include "image/fetch_sink.h"
#include "wire/frame.h"

#define FAILURE_TEXT_BYTES (ERROR_MESSAGE_BYTES + 256)
#define NO_CREDENTIAL (-1)

enum job_kind { JOB_MANIFEST, JOB_BLOB, JOB_STREAM };

enum job_phase {
    JOB_ASKING,   /* the registry, or where it led to */
    JOB_TOKEN,    /* the token service is asked */
    JOB_WAITING,  /* until wake_ms, then it is tried again */
    JOB_FLUSHING, /* all came; the pipe has not taken it all */
    JOB_OVER      /* answered; to be freed */
};

/* Whether the same endpoint may be asked again for the same. */
enum again {
    AGAIN_NEVER,
    AGAIN_AT_LAST, /* if there is no other endpoint behind it */
    AGAIN_HERE
};

struct failure {
    const char *reason; /* docs/wire.md; NULL: none */
    enum again again;
    bool slow;               /* what it brought does not count as getting on */
    uint64_t retry_after_ms; /* as the registry wishes; 0: it did not say */
    char text[FAILURE_TEXT_BYTES]; /* what came back, and what to do */
};

/* What was found out about who one is in a repository, for all jobs. */
struct grant {
    struct grant *next;
    char *repository;
    char *header;      /* the value of Authorization; NULL: none */
    uint64_t until_ms; /* then it is asked for anew */
    int credential;    /* which it was got with, or NO_CREDENTIAL */
    unsigned serial;   /* a new one with each header */
};

/* What is known of an endpoint, for all jobs. */
struct place {
    const struct fetch_endpoint *endpoint;
    struct url base; /* where it is asked: as it was said, or plain HTTP where it speaks nothing else */
    bool plain;      /* `base` is of our own making */
    bool worked;     /* it gave an answer once: what fails now may be the network, so it is tried again */
    struct grant *grants;
};

struct fetch {
    struct fetch_options options;
    struct http *http;
    struct place *places; /* as many as endpoints */
    struct job *jobs;
    struct bucket bucket;
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
    char *file;                    /* path and query of a file that is no registry's; NULL: it is one's */
    int64_t most;                  /* bytes that a file may have */
    bool checked;                  /* somebody knows the file's checksum: wrong bytes will not be taken for right ones */
    char *mark;                    /* the file's ETag or Last-Modified; NULL: it has none */
    struct sink sink;
    enum job_phase phase;
    uint64_t said_ms; /* the last progress */
    int64_t said_bytes;

    size_t place;         /* asked now */
    size_t source;        /* where the first byte came from */
    struct strbuf before; /* what the places before this one said */
    unsigned tries;       /* here, without getting on */
    uint64_t wake_ms;

    /* of this try */
    int64_t start;     /* bytes that were there before it */
    struct url target; /* where a redirect led; empty: the registry itself */
    unsigned redirects;
    bool left;         /* it led away from the registry: nobody there is told who one is */
    int credential;    /* in use */
    bool renewed;      /* its header was got in this try */
    unsigned serial;   /* of the header that was sent; 0: none */
    struct challenge challenge;

    /* of the exchange that is under way */
    struct exchange *exchange;
    struct url service; /* the token service */
    struct strbuf token;
    bool answered;     /* the head is there */
    bool draining;     /* the body is of no interest */
    size_t drained;
    int64_t skip;      /* bytes of the body that are there already */
    bool full;         /* the pipe is waited for */
    bool ready;        /* and may take more */
    unsigned throttled; /* the place in the queue of those that wait for the rate limit; 0: it does not */
    struct window window;
    char *media_type;
    struct failure failure;
};

/* Takes the descriptor of a stream. NULL: the frame makes no sense. */
MUST_CHECK struct job *job_new(struct fetch *fetch, struct frame *frame, enum job_kind kind, struct error *err);
void job_free(struct job *job);
void job_start(struct job *job);
void job_cancel(struct job *job, const char *why); /* answers `failed` */
/* The pipe may take more, or time has passed. */
void job_turn(struct job *job, uint64_t now_ms);
/* May go on after the rate limit. */
void job_resume(struct job *job);

/* fetch_job.c, for the parts of a job */
struct place *job_place(const struct job *job);
/* Sets the failure, if there is none yet. */
void job_note(struct job *job, const char *reason, enum again again, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Acts on the failure: again, the next endpoint, or the end. The exchange has ended. */
void job_fail(struct job *job);
void job_arrived(struct job *job); /* all of it is in the sink */
void job_exchange_begin(struct job *job, enum job_phase phase);

/* fetch_ask.c */
void job_ask(struct job *job);

/* fetch_judge.c: what an answer means. */
enum verdict {
    VERDICT_TAKE,  /* the body is what was asked for */
    VERDICT_DRAIN, /* the head says it all */
    VERDICT_STOP   /* a failure; nothing of the body is wanted */
};
enum verdict judge_head(struct job *job, const struct answer *answer);
void judge_status(struct job *job, const struct answer *answer);
void judge_fault(struct job *job, enum http_fault fault, const char *why);
void judge_slow(struct job *job);

/* fetch_auth.c */
const char *auth_header(struct job *job); /* for the registry; NULL: none */
/* A 401 came, or something that may be one in disguise. False: nobody else can be asked as; the failure is set. */
bool auth_challenged(struct job *job, const struct answer *answer);
bool auth_has_more(const struct job *job);

#endif
