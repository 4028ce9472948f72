#include "config.h"

#include "image/fetch_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "image/fetch_fault.h"

#define BUFFER_BYTES (128 * 1024)
#define CONNECTIONS_KEPT 8

struct exchange {
    struct exchange *next;
    struct exchange **back; /* who points here */
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    struct http_handlers handlers;
    void *ctx;
    struct answer answer;
    struct error nonsense; /* why the answer may not be taken */
    bool stopped;
    CURLcode resume_code; /* an error that came out of http_resume */
    char text[CURL_ERROR_SIZE];
};

struct http {
    const struct fetch_options *options;
    CURLM *multi;
    struct exchange *first;
    bool system_folder; /* the system's certificates are found one by one, not read all into memory */
};

struct http *http_new(const struct fetch_options *options)
{
    struct http *http = mem_alloc(sizeof(*http));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (http->multi = curl_multi_init()) == NULL) {
        log_error("libcurl does not start");
        _exit(1);
    }
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    http->options = options;
    http->system_folder = curl_version_info(CURLVERSION_NOW)->capath != NULL;
    return http;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    bool was_whole = exchange->answer.whole;
    if (!answer_line(&exchange->answer, data, size * count, &exchange->nonsense))
        return 0;
    if (!was_whole && exchange->answer.whole && !exchange->handlers.on_head(exchange->ctx, &exchange->answer)) {
        exchange->stopped = true;
        return 0;
    }
    return size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    switch (exchange->handlers.on_data(exchange->ctx, data, size * count)) {
    case HTTP_TAKEN:
        return size * count;
    case HTTP_FULL:
        return CURL_WRITEFUNC_PAUSE;
    case HTTP_REFUSED:
        break;
    }
    exchange->stopped = true;
    return 0;
}

/* Everything that could come from somewhere else than the first frame is set: environment, .netrc, defaults. */
static void set_place(struct exchange *exchange, const struct http_request *request)
{
    const struct fetch_options *options = exchange->http->options;
    CURL *easy = exchange->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request->url->text);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_PROXY, url_is_plain(request->url) ? options->proxy_http : options->proxy_https);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, options->proxy_none);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "davit/" PACKAGE_VERSION);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
}

static void set_trust(struct exchange *exchange, const struct http_request *request)
{
    CURL *easy = exchange->easy;
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->verify ? 2L : 0L);
    if (exchange->http->system_folder)
        curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    if (request->ca != NULL) {
        struct curl_blob blob = {
            .data = request->ca->pem, .len = request->ca->len, .flags = CURL_BLOB_NOCOPY}; /* lives in the options */
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    }
}

static void header_add(struct exchange *exchange, const char *name, const char *value)
{
    if (value == NULL)
        return;
    AUTO_FREE char *line = mem_printf("%s: %s", name, value);
    struct curl_slist *more = curl_slist_append(exchange->headers, line);
    if (more == NULL)
        abort();
    exchange->headers = more;
}

static void set_question(struct exchange *exchange, const struct http_request *request)
{
    CURL *easy = exchange->easy;
    header_add(exchange, "Accept", request->accept);
    header_add(exchange, "Authorization", request->authorization);
    if (request->form != NULL) {
        header_add(exchange, "Expect", "");
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->form);
    }
    if (request->range_start > 0) {
        AUTO_FREE char *range = mem_printf("%lld-", (long long)request->range_start);
        curl_easy_setopt(easy, CURLOPT_RANGE, range);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
}

static void set_transfer(struct exchange *exchange)
{
    CURL *easy = exchange->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)exchange->http->options->connect_ms);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->text);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
}

struct exchange *http_start(struct http *http, const struct http_request *request, const struct http_handlers *handlers,
                            void *ctx)
{
    struct exchange *exchange = mem_alloc(sizeof(*exchange));
    exchange->http = http;
    exchange->handlers = *handlers;
    exchange->ctx = ctx;
    exchange->easy = curl_easy_init();
    if (exchange->easy == NULL)
        abort();
    answer_init(&exchange->answer);
    set_place(exchange, request);
    set_trust(exchange, request);
    set_question(exchange, request);
    set_transfer(exchange);
    exchange->next = http->first;
    exchange->back = &http->first;
    if (exchange->next != NULL)
        exchange->next->back = &exchange->next;
    http->first = exchange;
    if (curl_multi_add_handle(http->multi, exchange->easy) != CURLM_OK)
        abort();
    return exchange;
}

static void exchange_free(struct exchange *exchange)
{
    *exchange->back = exchange->next;
    if (exchange->next != NULL)
        exchange->next->back = exchange->back;
    curl_multi_remove_handle(exchange->http->multi, exchange->easy);
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->headers);
    answer_free(&exchange->answer);
    free(exchange);
}

void http_cancel(struct exchange *exchange)
{
    if (exchange != NULL)
        exchange_free(exchange);
}

static void exchange_end(struct exchange *exchange, CURLcode code)
{
    char why[FAULT_TEXT_BYTES] = "";
    enum http_fault fault = HTTP_STOPPED;
    if (exchange->nonsense.code != ERROR_NONE) {
        fault = HTTP_NONSENSE;
        snprintf(why, sizeof(why), "%s", exchange->nonsense.message);
    } else if (!exchange->stopped) {
        fault = fault_of(exchange->easy, code, exchange->text, why);
    }
    /* libcurl takes a head that breaks off within a line for a whole one. */
    if (fault == HTTP_DONE && !exchange->answer.whole) {
        fault = HTTP_BROKEN;
        snprintf(why, sizeof(why), "it broke off within the head of its answer");
    }
    exchange->handlers.on_end(exchange->ctx, fault, &exchange->answer, why);
    exchange_free(exchange);
}

bool http_is_connected(const struct exchange *exchange)
{
    curl_off_t us = 0;
    return curl_easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &us) == CURLE_OK && us > 0;
}

void http_resume(struct exchange *exchange)
{
    exchange->resume_code = curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
}

void http_wait(struct http *http, struct pollfd *fds, size_t count, int timeout_ms)
{
    struct curl_waitfd waits[LIMIT_FETCH_JOBS + 1];
    for (size_t i = 0; i < count; i++) {
        waits[i] = (struct curl_waitfd){.fd = fds[i].fd};
        waits[i].events = (short)((fds[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
                                  (fds[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0));
    }
    curl_multi_poll(http->multi, waits, (unsigned)count, timeout_ms, NULL);
    /* libcurl does not pass on that the other end of a pipe is gone. */
    if (poll(fds, count, 0) <= 0)
        for (size_t i = 0; i < count; i++)
            fds[i].revents = 0;
}

/* The first that fell in http_resume; on_end may change the list, so it is looked through anew each time. */
static struct exchange *fallen(struct http *http)
{
    for (struct exchange *exchange = http->first; exchange != NULL; exchange = exchange->next) {
        if (exchange->resume_code != CURLE_OK)
            return exchange;
    }
    return NULL;
}

void http_run(struct http *http)
{
    int running, left;
    curl_multi_perform(http->multi, &running);
    for (struct exchange *exchange = fallen(http); exchange != NULL; exchange = fallen(http))
        exchange_end(exchange, exchange->resume_code);
    for (CURLMsg *message = curl_multi_info_read(http->multi, &left); message != NULL;
         message = curl_multi_info_read(http->multi, &left)) {
        struct exchange *exchange = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
        if (message->msg == CURLMSG_DONE)
            exchange_end(exchange, message->data.result);
    }
}
