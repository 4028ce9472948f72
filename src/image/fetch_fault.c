#include "config.h"

#include "image/fetch_fault.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    CURLcode code;
    enum http_fault fault;
} faults[] = {
    {CURLE_OK, HTTP_DONE},
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_NAME},
    {CURLE_COULDNT_RESOLVE_PROXY, HTTP_PROXY},
    {CURLE_PROXY, HTTP_PROXY},
    {CURLE_COULDNT_CONNECT, HTTP_CONNECT},
    {CURLE_OPERATION_TIMEDOUT, HTTP_CONNECT},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_CERTIFICATE},
    {CURLE_SSL_CACERT_BADFILE, HTTP_CERTIFICATE},
    {CURLE_SSL_ISSUER_ERROR, HTTP_CERTIFICATE},
    {CURLE_SSL_CONNECT_ERROR, HTTP_TLS},
    {CURLE_SSL_CIPHER, HTTP_TLS},
    {CURLE_PARTIAL_FILE, HTTP_BROKEN},
    {CURLE_RECV_ERROR, HTTP_BROKEN},
    {CURLE_SEND_ERROR, HTTP_BROKEN},
    {CURLE_GOT_NOTHING, HTTP_BROKEN},
};

static enum http_fault fault_find(CURLcode code)
{
    for (size_t i = 0; i < COUNT(faults); i++) {
        if (faults[i].code == code)
            return faults[i].fault;
    }
    return HTTP_NONSENSE;
}

static void copy_ascii(char out[FAULT_TEXT_BYTES], const char *text)
{
    snprintf(out, FAULT_TEXT_BYTES, "%s", text);
    for (char *at = out; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
}

/* The system's word for it is better than "couldn't connect". */
static void connect_text(CURL *easy, CURLcode code, char why[FAULT_TEXT_BYTES])
{
    long number = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(why, FAULT_TEXT_BYTES, "no connection in time");
    else
        snprintf(why, FAULT_TEXT_BYTES, "%s", number != 0 ? strerror((int)number) : curl_easy_strerror(code));
}

enum http_fault fault_of(CURL *easy, CURLcode code, const char *text, char why[FAULT_TEXT_BYTES])
{
    enum http_fault fault = fault_find(code);
    long connect_status = 0;
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    if (fault == HTTP_BROKEN && connect_status >= 300) {
        snprintf(why, FAULT_TEXT_BYTES, "the proxy answered %ld", connect_status);
        return HTTP_PROXY;
    }
    if (fault == HTTP_BROKEN && strstr(text, "chunked-encoding") != NULL) {
        snprintf(why, FAULT_TEXT_BYTES, "broken chunks");
        return HTTP_NONSENSE;
    }
    if (fault == HTTP_CONNECT)
        connect_text(easy, code, why);
    else
        copy_ascii(why, (fault == HTTP_CERTIFICATE || fault == HTTP_TLS) && text[0] != '\0' ? text
                                                                                             : curl_easy_strerror(code));
    return fault;
}
