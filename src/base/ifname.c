#include "base/ifname.h"

#include <stddef.h>
#include <string.h>

#define UID_DIGITS 12

void ifname_of(const char *uid, char out[IFNAME_BYTES])
{
    size_t len = strlen(IFNAME_PREFIX);
    memcpy(out, IFNAME_PREFIX, len);
    for (; *uid != '\0' && len < strlen(IFNAME_PREFIX) + UID_DIGITS; uid++)
        if (*uid != '-')
            out[len++] = *uid;
    out[len] = '\0';
}
