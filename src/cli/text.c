#include "config.h"

#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Marks and embeddings of the direction of writing, and separators of lines: U+200E, 200F, 2028 to 202E, 2066 to 2069. */
static bool is_direction(const unsigned char *at)
{
    return at[0] == 0xE2 && ((at[1] == 0x80 && (at[2] == 0x8E || at[2] == 0x8F || (at[2] >= 0xA8 && at[2] <= 0xAE))) ||
                             (at[1] == 0x81 && at[2] >= 0xA6 && at[2] <= 0xA9));
}

static char *clean(char *text, const char *kept)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        bool is_c1 = at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0;
        if ((*at < 0x20 || *at == 0x7F) && strchr(kept, *at) == NULL)
            *at = '?';
        else if (is_c1)
            at[0] = at[1] = '?';
        else if (is_direction(at))
            at[0] = at[1] = at[2] = '?';
    }
    return text;
}

char *text_clean(char *text)
{
    return clean(text, "");
}

char *text_clean_lines(char *text)
{
    return clean(text, "\n\t");
}

bool text_error(struct error *err, enum error_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->code = code;
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    (void)text_clean(err->message);
    return false;
}
