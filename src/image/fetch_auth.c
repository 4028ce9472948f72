/* Who one is at a registry: what it asks for, the credentials in their order, and tokens from where it says. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/memory.h"
#include "image/fetch_job.h"

#define EXPIRES_DEFAULT_S 60 /* where the token service does not say (distribution's token specification) */
#define EXPIRES_MAX_S 3600

static struct grant *grant_of(const struct job *job)
{
    struct place *place = job_place(job);
    struct grant *grant = place->grants;
    while (grant != NULL && strcmp(grant->repository, job->repository) != 0)
        grant = grant->next;
    if (grant == NULL) {
        grant = mem_alloc(sizeof(*grant));
        grant->repository = mem_strdup(job->repository);
        grant->credential = NO_CREDENTIAL;
        grant->next = place->grants;
        place->grants = grant;
    }
    return grant;
}

const char *auth_header(struct job *job)
{
    const struct grant *grant = grant_of(job);
    job->serial = 0;
    if (grant->header == NULL || clock_boot_ms() >= grant->until_ms)
        return NULL;
    job->serial = grant->serial;
    job->credential = grant->credential;
    return grant->header;
}

static void grant_put(struct job *job, char *header_taken, uint64_t until_ms)
{
    struct grant *grant = grant_of(job);
    free(grant->header);
    grant->header = header_taken;
    grant->until_ms = until_ms;
    grant->credential = job->credential;
    grant->serial++;
    job->renewed = true;
}

static char *basic_header(const struct fetch_credential *credential)
{
    AUTO_FREE char *pair = mem_printf("%s:%s", credential->username, credential->password);
    AUTO_FREE char *encoded = base64_encode(pair, strlen(pair));
    return mem_printf("Basic %s", encoded);
}

static bool denied(struct job *job)
{
    size_t count = job_place(job)->endpoint->credential_count;
    if (count == 0)
        job_note(job, "Unauthorized", AGAIN_NEVER,
                 "it wants a name and password, and none are known: see auth_file= and imagePullSecrets");
    else
        job_note(job, "Unauthorized", AGAIN_NEVER, "it took none of the %zu credentials that are known for it", count);
    return false;
}

/* ---- a token */

static bool go_on(struct job *job);

/* What goes into a header: visible ASCII. */
static bool token_is_safe(const char *token)
{
    for (const char *at = token; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return token[0] != '\0';
}

static bool token_read(struct job *job, struct error *err)
{
    AUTO_JSON struct json *answer = job->token.len > 0 ? json_parse(job->token.data, job->token.len, err) : NULL;
    const char *token = json_get_text(answer, "token");
    int64_t expires_s = json_get_integer(answer, "expires_in", EXPIRES_DEFAULT_S);
    if (token == NULL)
        token = json_get_text(answer, "access_token");
    if (token == NULL || !token_is_safe(token))
        return error_set(err, ERROR_INVALID, "the token service gave no token");
    if (expires_s < EXPIRES_DEFAULT_S)
        expires_s = EXPIRES_DEFAULT_S;
    if (expires_s > EXPIRES_MAX_S)
        expires_s = EXPIRES_MAX_S;
    /* A little less: on its way it must not run out. */
    grant_put(job, mem_printf("Bearer %s", token), clock_boot_ms() + (uint64_t)expires_s * 900);
    return true;
}

static bool on_head(void *ctx, const struct answer *answer)
{
    struct job *job = ctx;
    job->answered = true;
    job->draining = answer->status != 200 || answer->encoded;
    return true;
}

static enum http_take on_data(void *ctx, const char *data, size_t len)
{
    struct job *job = ctx;
    if (!job->draining)
        strbuf_add_bytes(&job->token, data, len);
    job->drained += len;
    job->window.bytes += (int64_t)len;
    return job->drained <= LIMIT_FETCH_TOKEN_BYTES ? HTTP_TAKEN : HTTP_REFUSED;
}

static void token_answered(struct job *job, const struct answer *answer)
{
    struct error err;
    int status = answer->status;
    if (status == 200 && !job->draining && token_read(job, &err)) {
        job_ask(job);
        return;
    }
    if (status == 400 || status == 401 || status == 403) {
        job->credential++;
        if (go_on(job))
            return;
    } else if (status == 429 || status >= 500) {
        job_note(job, status == 429 ? "TooManyRequests" : "ServerError", AGAIN_AT_LAST, "its token service answered %d", status);
        job->failure.retry_after_ms = answer_retry_after_ms(answer, clock_wall_ms());
    } else {
        job_note(job, "BadAnswer", AGAIN_NEVER, "its token service answered %d, and with no token", status);
    }
    job_fail(job);
}

static void on_end(void *ctx, enum http_fault fault, const struct answer *answer, const char *why)
{
    struct job *job = ctx;
    job->exchange = NULL;
    if (fault == HTTP_DONE || (job->answered && job->draining)) {
        token_answered(job, answer);
        return;
    }
    AUTO_FREE char *origin = url_origin(&job->service);
    bool too_much = fault == HTTP_STOPPED;
    const char *reason = fault == HTTP_NAME ? "UnknownHost" : fault == HTTP_CERTIFICATE || fault == HTTP_TLS ? "Certificate"
                         : fault == HTTP_NONSENSE || too_much ? "BadAnswer" : "Unreachable";
    job_note(job, reason, fault == HTTP_BROKEN || fault == HTTP_CONNECT ? AGAIN_AT_LAST : AGAIN_NEVER,
             "its token service %s: %s", origin, too_much ? "an answer of more than 64 kB" : why);
    job_fail(job);
}

static bool realm_read(struct job *job, struct error *err)
{
    const struct place *place = job_place(job);
    url_free(&job->service);
    if (!url_parse(job->challenge.realm, &job->service, err))
        return error_wrap(err, "its token service");
    return url_may_lead(&place->base, &job->service, place->endpoint->insecure) ||
           error_set(err, ERROR_DENIED, "its token service is plain http, which is for insecure registries alone");
}

/* What is asked for is the right to pull this, whatever the registry would have one ask for. */
static char *scope_of(const struct job *job)
{
    const char *scope = job->challenge.scope;
    if (challenge_scope_is_pull(scope))
        return mem_strdup(scope);
    return mem_printf("repository:%s%s:pull", job_place(job)->endpoint->prefix, job->repository);
}

static bool add_query(struct job *job, const char *scope, struct error *err)
{
    const char *service = job->challenge.service;
    return (service == NULL || url_add_query(&job->service, "service", service, err)) &&
           url_add_query(&job->service, "scope", scope, err);
}

static char *refresh_form(const struct job *job, const char *scope, const char *identity_token)
{
    AUTO_FREE char *service = url_escape(job->challenge.service != NULL ? job->challenge.service : "");
    AUTO_FREE char *escaped_scope = url_escape(scope);
    AUTO_FREE char *token = url_escape(identity_token);
    return mem_printf("grant_type=refresh_token&client_id=davit&service=%s&scope=%s&refresh_token=%s", service,
                      escaped_scope, token);
}

static bool token_ask(struct job *job, struct error *err)
{
    static const struct http_handlers handlers = { on_head, on_data, on_end };
    const struct fetch_endpoint *endpoint = job_place(job)->endpoint;
    const struct fetch_credential *credential =
        job->credential == NO_CREDENTIAL ? NULL : &endpoint->credentials[job->credential];
    AUTO_FREE char *scope = scope_of(job);
    AUTO_FREE char *form = NULL;
    AUTO_FREE char *header = NULL;
    if (!realm_read(job, err))
        return false;
    if (credential != NULL && credential->identity_token != NULL)
        form = refresh_form(job, scope, credential->identity_token);
    else if (!add_query(job, scope, err))
        return false;
    else if (credential != NULL)
        header = basic_header(credential);
    job_exchange_begin(job, JOB_TOKEN);
    job->token.len = 0;
    const struct http_request request = { .url = &job->service, .authorization = header, .form = form,
                                          .verify = !endpoint->insecure, .ca = endpoint->ca };
    job->exchange = http_start(job->fetch->http, &request, &handlers, job);
    return true;
}

/* ---- one after the other */

/* Goes on as job->credential, or as the next that can be used. False: there is none. */
static bool go_on(struct job *job)
{
    const struct fetch_endpoint *endpoint = job_place(job)->endpoint;
    struct error err;
    if (!job->challenge.bearer) {
        while (job->credential == NO_CREDENTIAL || (job->credential < (int)endpoint->credential_count &&
                                                    endpoint->credentials[job->credential].identity_token != NULL))
            job->credential++;
    }
    if (job->credential >= (int)endpoint->credential_count)
        return denied(job);
    if (!job->challenge.bearer) {
        grant_put(job, basic_header(&endpoint->credentials[job->credential]), UINT64_MAX);
        job_ask(job);
        return true;
    }
    if (token_ask(job, &err))
        return true;
    job_note(job, "BadAnswer", AGAIN_NEVER, "%s", err.message);
    return false;
}

bool auth_has_more(const struct job *job)
{
    bool asked = job->challenge.bearer || job->challenge.basic;
    return asked && job->credential + 1 < (int)job_place(job)->endpoint->credential_count;
}

bool auth_challenged(struct job *job, const struct answer *answer)
{
    const struct grant *grant = grant_of(job);
    struct error err;
    /* Another job has found something newer out. */
    if (grant->header != NULL && grant->serial != job->serial && clock_boot_ms() < grant->until_ms && !job->renewed) {
        job_ask(job);
        return true;
    }
    if (answer->challenges != NULL) {
        challenge_free(&job->challenge);
        if (!challenge_parse(answer->challenges, &job->challenge, &err)) {
            job_note(job, "BadAnswer", AGAIN_NEVER, "%s", err.message);
            return false;
        }
    } else if (answer->status == 401) {
        job_note(job, "BadAnswer", AGAIN_NEVER, "401, and it does not say what it wants (WWW-Authenticate)");
        return false;
    }
    /* A header that was right before may have run out; one of this very try is refused. */
    if (job->serial != 0 && (job->renewed || !job->challenge.bearer))
        job->credential++;
    return go_on(job);
}
