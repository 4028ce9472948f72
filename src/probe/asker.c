#include "config.h"

#include "probe/asker.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "davit/limits.h"

#define USER_AGENT "kube-probe/1"
#define REDIRECTS 10
#define WAIT_MS 1000
#define MESSAGE_BYTES 512

struct asking {
    struct question *question;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    unsigned char body[LIMIT_PROBE_BODY_BYTES]; /* what is looked at of an answer */
    size_t body_len;
    size_t head_len;
    size_t redirects;
    curl_off_t spent_us; /* on what sent it elsewhere */
    bool cut; /* more came than is looked at: enough was seen */
    char text[CURL_ERROR_SIZE];
    struct asking *next;
};

struct asker {
    CURLM *multi;
    struct asking *askings;
    size_t count;
    asker_done done;
    void *ctx;
};

struct asker *asker_new(asker_done done, void *ctx)
{
    struct asker *asker = mem_alloc(sizeof(*asker));
    asker->done = done;
    asker->ctx = ctx;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (asker->multi = curl_multi_init()) == NULL) {
        log_error("libcurl does not start");
        _exit(1);
    }
    /* Kubernetes: each probe makes its own connection. */
    curl_multi_setopt(asker->multi, CURLMOPT_MAXCONNECTS, 1L);
    curl_multi_setopt(asker->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return asker;
}

/* The status line is what counts: a body that goes on and on is not waited for. */
static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct asking *asking = ctx;
    size_t len = size * count, room = sizeof(asking->body) - asking->body_len;
    size_t kept = len < room ? len : room;
    memcpy(asking->body + asking->body_len, data, kept);
    asking->body_len += kept;
    asking->cut = kept < len;
    return asking->cut ? 0 : len;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct asking *asking = ctx;
    (void)data;
    asking->head_len += size * count;
    return asking->head_len > LIMIT_PROBE_HEAD_BYTES ? 0 : size * count;
}

static void add_header(struct asking *asking, const char *line)
{
    struct curl_slist *more = curl_slist_append(asking->headers, line);
    if (more == NULL)
        abort();
    asking->headers = more;
}

static void set_http(struct asking *asking)
{
    CURL *easy = asking->easy;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* see follow() */
    add_header(asking, "Connection: close");
    JSON_EACH(header, asking->question->headers) {
        const char *name = json_get_text(header, "name"), *value = json_get_text(header, "value");
        if (name == NULL || strpbrk(name, "\r\n:") != NULL || (value != NULL && strpbrk(value, "\r\n") != NULL))
            continue;
        AUTO_FREE char *line = value == NULL || value[0] == '\0' ? mem_printf("%s;", name) : mem_printf("%s: %s", name, value);
        add_header(asking, line);
    }
}

static bool set_grpc(struct asking *asking)
{
    unsigned char body[256];
    size_t len = question_grpc_body(asking->question, body, sizeof(body));
    CURL *easy = asking->easy;
    if (len == 0)
        return false;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)len);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    add_header(asking, "Content-Type: application/grpc");
    add_header(asking, "TE: trailers");
    add_header(asking, "Accept:");
    return true;
}

/* Nothing comes from anywhere else: no proxy, no .netrc, no certificates. */
static bool set_place(struct asking *asking)
{
    const struct question *question = asking->question;
    CURL *easy = asking->easy;
    asking->url = question_url(question);
    curl_easy_setopt(easy, CURLOPT_URL, asking->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)question->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L); /* as the kubelet */
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, asking->text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, asking);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, asking);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, asking);
    if (question->kind == QUESTION_TCP)
        curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    else if (question->kind == QUESTION_HTTP)
        set_http(asking);
    else if (!set_grpc(asking))
        return false;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, asking->headers);
    return true;
}

static void asking_free(struct asker *asker, struct asking *asking)
{
    LL_DELETE(asker->askings, asking);
    asker->count--;
    if (asking->easy != NULL) {
        curl_multi_remove_handle(asker->multi, asking->easy);
        curl_easy_cleanup(asking->easy);
    }
    curl_slist_free_all(asking->headers);
    question_free(asking->question);
    free(asking->url);
    free(asking);
}

static void answer(struct asker *asker, struct asking *asking, bool passed, const char *message)
{
    asker->done(asker->ctx, asking->question->id, passed, message);
    asking_free(asker, asking);
}

void asker_ask(struct asker *asker, struct question *question)
{
    struct asking *asking = mem_alloc(sizeof(*asking));
    asking->question = question;
    LL_PREPEND(asker->askings, asking);
    asker->count++;
    if (asker->count > LIMIT_PROBES) {
        answer(asker, asking, false, "too many probes are being asked at a time");
        return;
    }
    asking->easy = curl_easy_init();
    if (asking->easy == NULL || !set_place(asking) || curl_multi_add_handle(asker->multi, asking->easy) != CURLM_OK)
        answer(asker, asking, false, "the probe cannot be asked: its service name is too long, or memory is short");
}

void asker_cancel(struct asker *asker, int64_t id)
{
    struct asking *asking, *next;
    LL_FOREACH_SAFE(asker->askings, asking, next)
        if (asking->question->id == id)
            asking_free(asker, asking);
}

void asker_wait(struct asker *asker, struct pollfd *parent)
{
    if (asker->askings == NULL) {
        poll(parent, 1, -1);
        return;
    }
    struct curl_waitfd wait = { .fd = parent->fd, .events = CURL_WAIT_POLLIN };
    int running = 0;
    curl_multi_perform(asker->multi, &running);
    curl_multi_poll(asker->multi, &wait, 1, WAIT_MS, NULL);
    parent->revents = (short)(wait.revents != 0 ? POLLIN : 0);
}

/* The kubelet's words, for people look for them. */
static void describe_fault(const struct asking *asking, CURLcode code, char out[MESSAGE_BYTES])
{
    const struct question *question = asking->question;
    const char *what = asking->text[0] != '\0' ? asking->text : curl_easy_strerror(code);
    char where[MESSAGE_BYTES / 2];
    if (question->kind == QUESTION_HTTP)
        snprintf(where, sizeof(where), "Get \"%.200s\": ", asking->url);
    else
        snprintf(where, sizeof(where), "dial tcp %.120s:%" PRId64 ": ", question->host, question->port);
    if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(out, MESSAGE_BYTES, "%s%s", where,
                 question->kind == QUESTION_TCP ? "i/o timeout"
                                                : "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
    else if (code == CURLE_COULDNT_CONNECT && question->kind == QUESTION_HTTP)
        snprintf(out, MESSAGE_BYTES, "%sdial tcp %.120s:%" PRId64 ": connect: connection refused", where, question->host,
                 question->port);
    else if (code == CURLE_COULDNT_CONNECT)
        snprintf(out, MESSAGE_BYTES, "%sconnect: connection refused", where);
    else
        snprintf(out, MESSAGE_BYTES, "%s%s", where, what);
}

static bool judge_http(const struct asking *asking, CURLcode code, char out[MESSAGE_BYTES])
{
    long status = 0;
    curl_easy_getinfo(asking->easy, CURLINFO_RESPONSE_CODE, &status);
    bool answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && asking->cut);
    if (!answered) {
        describe_fault(asking, code, out);
        return false;
    }
    if (status >= 200 && status < 400)
        return true;
    snprintf(out, MESSAGE_BYTES, "HTTP probe failed with statuscode: %ld", status);
    return false;
}

static bool judge_grpc(const struct asking *asking, CURLcode code, char out[MESSAGE_BYTES])
{
    static const char *const words[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };
    int status = 0;
    if (question_grpc_serving(asking->body, asking->body_len, &status))
        return true;
    if (asking->body_len > 0)
        snprintf(out, MESSAGE_BYTES, "service unhealthy (responded with \"%s\")", words[status >= 0 && status <= 3 ? status : 0]);
    else if (code != CURLE_OK)
        describe_fault(asking, code, out);
    else
        snprintf(out, MESSAGE_BYTES, "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)");
    return false;
}

static char *hostname_of(const char *url)
{
    CURLU *parsed = curl_url();
    char *host = NULL, *copy;
    if (parsed == NULL)
        abort();
    if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK)
        curl_url_get(parsed, CURLUPART_HOST, &host, 0);
    copy = mem_strdup(host != NULL ? host : "");
    curl_free(host);
    curl_url_cleanup(parsed);
    return copy;
}

/* As the kubelet: a redirect within the same host is followed, one to another is the answer (and 3xx is a good one). True:
 * it is asked again, in the time that is left.
 */
static bool follow(struct asker *asker, struct asking *asking, CURLcode code)
{
    char *next = NULL;
    curl_off_t spent_us = 0;
    if (code != CURLE_OK || asking->question->kind != QUESTION_HTTP || asking->redirects == REDIRECTS)
        return false;
    curl_easy_getinfo(asking->easy, CURLINFO_REDIRECT_URL, &next);
    curl_easy_getinfo(asking->easy, CURLINFO_TOTAL_TIME_T, &spent_us);
    asking->spent_us += spent_us;
    curl_off_t left_ms = (curl_off_t)asking->question->timeout_ms - asking->spent_us / 1000;
    AUTO_FREE char *here = hostname_of(asking->url);
    AUTO_FREE char *there = hostname_of(next != NULL ? next : "");
    if (next == NULL || left_ms <= 0 || strcmp(here, there) != 0)
        return false;
    asking->redirects++;
    asking->body_len = asking->head_len = 0;
    free(asking->url);
    asking->url = mem_strdup(next);
    curl_multi_remove_handle(asker->multi, asking->easy);
    curl_easy_setopt(asking->easy, CURLOPT_URL, asking->url);
    curl_easy_setopt(asking->easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
    return curl_multi_add_handle(asker->multi, asking->easy) == CURLM_OK;
}

static void finish(struct asker *asker, struct asking *asking, CURLcode code)
{
    char message[MESSAGE_BYTES] = "";
    bool passed = code == CURLE_OK;
    if (asking->question->kind == QUESTION_HTTP)
        passed = judge_http(asking, code, message);
    else if (asking->question->kind == QUESTION_GRPC)
        passed = judge_grpc(asking, code, message);
    else if (!passed)
        describe_fault(asking, code, message);
    answer(asker, asking, passed, message);
}

void asker_run(struct asker *asker)
{
    int running = 0, left = 0;
    curl_multi_perform(asker->multi, &running);
    for (CURLMsg *said; (said = curl_multi_info_read(asker->multi, &left)) != NULL;) {
        struct asking *asking = NULL;
        if (said->msg != CURLMSG_DONE)
            continue;
        CURLcode code = said->data.result;
        curl_easy_getinfo(said->easy_handle, CURLINFO_PRIVATE, (char **)&asking);
        if (!follow(asker, asking, code))
            finish(asker, asking, code);
    }
}
