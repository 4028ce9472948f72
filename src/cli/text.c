#include "config.h"

#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>

char *text_clean(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        bool is_c1 = at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0;
        if (*at < 0x20 || *at == 0x7F)
            *at = '?';
        else if (is_c1)
            at[0] = at[1] = '?';
    }
    return text;
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
