#include "config.h"

#include "link/reason.h"

#include <stdio.h>
#include <string.h>

static const int from_connack[] = {0, REASON_UNSUPPORTED_VERSION, 133, 136, 134, 135};

static const struct {
    int code;
    const char *text;
} advice[] = {
    {133, "the broker does not take this client id"},
    {134, "check the user name and the password"},
    {135, "the broker's access rules do not allow it: check the user name, the password and its ACL"},
    {136, "the broker is not ready: it is tried again"},
    {138, "the broker has banned this client"},
    {139, "the broker is being shut down: it is tried again"},
    {141, "the broker heard nothing in time: the network, or this machine, was stuck"},
    {REASON_TAKEN_OVER, "another client connected with the same client id: give each node a name of its own"},
    {149, "a packet was larger than the broker takes"},
    {151, "a quota of the broker is used up"},
    {154, "the broker does not keep retained messages, and Davit needs them"},
    {155, "the broker does not do QoS 1, and Davit needs it"},
};

int reason_from_connack(int code)
{
    if (code < 0 || (size_t)code >= sizeof(from_connack) / sizeof(from_connack[0]))
        return code;
    return from_connack[code];
}

const char *reason_advice(int code)
{
    for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
        if (advice[i].code == code)
            return advice[i].text;
    return NULL;
}

void reason_from_openssl(const char *line, size_t len, char *out, size_t size)
{
    const char *at = memmem(line, len, "error:", strlen("error:"));
    const char *end = line + len;
    int colons = 0;

    out[0] = '\0';
    while (at != NULL && at < end && colons < 4)
        colons += *at++ == ':';
    if (at == NULL || colons < 4) {
        snprintf(out, size, "%.*s", (int)len, line);
        return;
    }
    const char *colon = memchr(at, ':', (size_t)(end - at));
    snprintf(out, size, "%.*s", (int)((colon != NULL ? colon : end) - at), at);
}
