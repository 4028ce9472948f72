#include "config.h"

#include "base/utf8.h"

#include <string.h>

/* The first byte decides the length, and the range of the second; the others are 80..BF. */
static const struct {
    unsigned char first_low, first_high, second_low, second_high, length;
} forms[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool rest_is_valid(const unsigned char *bytes, size_t form)
{
    if (bytes[1] < forms[form].second_low || bytes[1] > forms[form].second_high)
        return false;
    for (size_t i = 2; i < forms[form].length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return false;
    }
    return true;
}

size_t utf8_char_bytes(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;

    if (len == 0)
        return 0;
    if (bytes[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (bytes[0] >= forms[i].first_low && bytes[0] <= forms[i].first_high)
            return len >= forms[i].length && rest_is_valid(bytes, i) ? forms[i].length : 0;
    }
    return 0;
}

bool utf8_is_valid(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t bytes = utf8_char_bytes(text + at, len - at);
        if (bytes == 0)
            return false;
        at += bytes;
    }
    return true;
}

static bool is_control(const unsigned char *at, size_t len)
{
    return len == 1 ? at[0] < 0x20 || at[0] == 0x7f : len == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

/* U+FDD0 to U+FDEF, and the last two of each plane. */
static bool is_no_character(const unsigned char *at, size_t len)
{
    if (len == 3 && at[0] == 0xef && at[1] == 0xb7)
        return at[2] >= 0x90 && at[2] <= 0xaf;
    bool last = (len == 3 && at[0] == 0xef && at[1] == 0xbf) || (len == 4 && (at[1] & 0x0f) == 0x0f && at[2] == 0xbf);
    return last && at[len - 1] >= 0xbe;
}

bool utf8_is_plain(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        const unsigned char *here = (const unsigned char *)text + at;
        size_t bytes = utf8_char_bytes(text + at, len - at);
        if (bytes == 0 || is_control(here, bytes) || is_no_character(here, bytes))
            return false;
        at += bytes;
    }
    return true;
}

void utf8_tame(const char *text, char *out, size_t size)
{
    size_t left = strlen(text), len = 0;

    while (left > 0) {
        size_t bytes = utf8_char_bytes(text, left);
        bool tame = bytes != 0 && !is_control((const unsigned char *)text, bytes);
        bytes = bytes != 0 ? bytes : 1;
        if (len + bytes >= size)
            break;
        if (tame)
            memcpy(out + len, text, bytes);
        else
            out[len] = '?';
        len += tame ? bytes : 1;
        text += bytes;
        left -= bytes;
    }
    out[len] = '\0';
}

size_t utf8_encode(unsigned long code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(leads[bytes] | code);
    return bytes;
}
