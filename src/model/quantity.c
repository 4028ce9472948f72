#include "model/quantity.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 18   /* what fits in 64 bits; more are no quantity anybody means */
#define EXPONENT_MAX 18

__extension__ typedef unsigned __int128 wide;

struct number {
    wide mantissa;
    int exponent; /* of ten */
};

static const char *read_number(const char *text, struct number *out)
{
    size_t digits = 0;
    bool point = false;
    *out = (struct number){ 0 };
    text += *text == '+';
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        out->mantissa = out->mantissa * 10 + (wide)(*text - '0');
        out->exponent -= point;
        if (++digits > DIGITS_MAX)
            return NULL;
    }
    return digits > 0 ? text : NULL;
}

static bool read_exponent(const char *text, int *exponent)
{
    int value = 0;
    bool negative = text[1] == '-';
    text += text[1] == '-' || text[1] == '+' ? 2 : 1;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 2 || text[digits] != '\0')
        return false;
    for (; *text != '\0'; text++)
        value = value * 10 + (*text - '0');
    *exponent += negative ? -value : value;
    return value <= EXPONENT_MAX;
}

static bool read_suffix(const char *text, struct number *number)
{
    static const char *const decimal[] = { "n", "u", "m", "", "k", "M", "G", "T", "P", "E" };
    static const char *const binary[] = { "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
    for (size_t i = 0; i < sizeof(decimal) / sizeof(decimal[0]); i++)
        if (strcmp(text, decimal[i]) == 0) {
            number->exponent += 3 * ((int)i - 3);
            return true;
        }
    for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++)
        if (strcmp(text, binary[i]) == 0) {
            number->mantissa <<= 10 * (i + 1); /* 60 bits and 60 bits: fits */
            return true;
        }
    return (text[0] == 'e' || text[0] == 'E') && read_exponent(text, &number->exponent);
}

bool quantity_read(const char *text, int64_t scale, int64_t *out)
{
    struct number number;
    const char *rest = text != NULL ? read_number(text, &number) : NULL;
    if (rest == NULL || !read_suffix(rest, &number))
        return false;
    wide value = number.mantissa;
    bool cut = value > (wide)INT64_MAX;
    value = cut ? (wide)INT64_MAX : value;
    value *= (wide)scale;
    for (; number.exponent > 0 && value <= (wide)INT64_MAX; number.exponent--)
        value *= 10;
    for (; number.exponent < 0 && value > 0; number.exponent++)
        value = (value + 9) / 10;
    *out = value > (wide)INT64_MAX ? INT64_MAX : (int64_t)value;
    return true;
}

const char *quantity_bytes(int64_t bytes, char out[QUANTITY_BYTES])
{
    static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
    size_t unit = 0;
    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, QUANTITY_BYTES, "%" PRId64 "%s", bytes, units[unit]);
    return out;
}
