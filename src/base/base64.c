#include "config.h"

#include "base/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
    const unsigned char *from = data;
    char *out = mem_array(len / 3 + 1, 4 + 1);
    char *to = out;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)from[i] << 16;
        bits |= left > 1 ? (uint32_t)from[i + 1] << 8 : 0;
        bits |= left > 2 ? from[i + 2] : 0;
        *to++ = letters[bits >> 18];
        *to++ = letters[bits >> 12 & 63];
        *to++ = left > 1 ? letters[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? letters[bits & 63] : '=';
    }
    *to = '\0';
    return out;
}

static bool group_read(const char *text, uint32_t *bits)
{
    *bits = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *letter = text[i] != '\0' ? strchr(letters, text[i]) : NULL;
        if (letter == NULL && text[i] != '=')
            return false;
        *bits = *bits << 6 | (letter != NULL ? (uint32_t)(letter - letters) : 0);
    }
    return true;
}

bool base64_decode(const char *text, size_t len, char **out, size_t *out_len)
{
    size_t padding = 0;
    if (len % 4 != 0)
        return false;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    if (memchr(text, '=', len - padding) != NULL)
        return false;
    AUTO_FREE char *data = mem_alloc(len / 4 * 3 + 1);
    char *to = data;
    for (size_t i = 0; i < len; i += 4) {
        uint32_t bits;
        if (!group_read(text + i, &bits))
            return false;
        *to++ = (char)(bits >> 16);
        *to++ = (char)(bits >> 8);
        *to++ = (char)bits;
    }
    *out_len = len / 4 * 3 - padding;
    data[*out_len] = '\0';
    *out = mem_steal(&data);
    return true;
}
