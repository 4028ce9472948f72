#include "config.h"

#include "base/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOUBLE_DIGITS 17      /* enough to tell any two doubles apart */
#define EXPONENT_LIMIT 100000 /* far outside a double's; a longer one is as wrong */

/* The number as 0.DIGITS times ten to the `exponent`, without zeros at either end. */
struct decimal {
    bool negative;
    bool integer; /* written without point and exponent */
    char digits[DOUBLE_DIGITS + 1];
    size_t count; /* also counts those that `digits` does not hold */
    int64_t exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int64_t exponent_read(const char *text, size_t len)
{
    bool negative = len > 0 && text[0] == '-';
    int64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        if (is_digit(text[i]) && value < EXPONENT_LIMIT)
            value = value * 10 + (text[i] - '0');
    }
    return negative ? -value : value;
}

static void digit_add(struct decimal *decimal, char digit, size_t *zeros)
{
    if (digit == '0') {
        (*zeros)++; /* counts only if another digit follows */
        return;
    }
    for (; *zeros > 0; (*zeros)--) {
        if (decimal->count < DOUBLE_DIGITS)
            decimal->digits[decimal->count] = '0';
        decimal->count++;
    }
    if (decimal->count < DOUBLE_DIGITS)
        decimal->digits[decimal->count] = digit;
    decimal->count++;
}

static void decimal_read(struct decimal *decimal, const char *text, size_t len)
{
    size_t at = len > 0 && (text[0] == '-' || text[0] == '+');
    size_t zeros = 0;
    bool fraction = false;

    *decimal = (struct decimal){.negative = at > 0 && text[0] == '-', .integer = true};
    for (; at < len && text[at] != 'e' && text[at] != 'E'; at++) {
        if (text[at] == '.') {
            fraction = true;
            decimal->integer = false;
            continue;
        }
        if (decimal->count == 0 && text[at] == '0') {
            decimal->exponent -= fraction;
            continue;
        }
        digit_add(decimal, text[at], &zeros);
        decimal->exponent += !fraction;
    }
    if (at < len) {
        decimal->integer = false;
        decimal->exponent += exponent_read(text + at + 1, len - at - 1);
    }
}

static bool integer_is_kept(const struct decimal *decimal, double value)
{
    /* 2^53 + 1 reads as 2^53, so the digits are looked at, not the double. */
    return fabs(value) < (double)NUMBER_INTEGER_MAX ||
           (decimal->count == 16 && strcmp(decimal->digits, "9007199254740992") == 0);
}

bool number_parse(const char *text, size_t len, double *out, const char **why)
{
    struct decimal decimal;
    char written[64];
    char back[64];

    decimal_read(&decimal, text, len);
    *out = 0;
    if (decimal.count == 0)
        return true;
    if (decimal.integer && decimal.exponent > 16) {
        *why = "an integer beyond 2^53 would lose digits: write it as a string";
        return false;
    }
    if (decimal.count > DOUBLE_DIGITS) {
        *why = "more digits than a double keeps: write it as a string";
        return false;
    }
    int64_t power = decimal.exponent - 1;
    if (llabs(power) >= EXPONENT_LIMIT / 10) {
        *why = "out of a double's range";
        return false;
    }
    snprintf(written, sizeof(written), "%s%c%s%se%c%02d", decimal.negative ? "-" : "", decimal.digits[0],
             decimal.count > 1 ? "." : "", decimal.digits + 1, power < 0 ? '-' : '+', (int)llabs(power));
    double value = strtod(written, NULL);
    if (!isfinite(value) || value == 0) {
        *why = "out of a double's range";
        return false;
    }
    if (decimal.integer && !integer_is_kept(&decimal, value)) {
        *why = "an integer beyond 2^53 would lose digits: write it as a string";
        return false;
    }
    snprintf(back, sizeof(back), "%.*e", (int)decimal.count - 1, value);
    if (strcmp(back, written) != 0) {
        *why = "more digits than a double keeps: write it as a string";
        return false;
    }
    *out = value;
    return true;
}

const char *number_print(double value, char out[NUMBER_TEXT_BYTES])
{
    if (!isfinite(value)) {
        memcpy(out, "null", sizeof("null"));
        return out;
    }
    if (fabs(value) <= (double)NUMBER_INTEGER_MAX && floor(value) == value) {
        snprintf(out, NUMBER_TEXT_BYTES, "%" PRId64, (int64_t)value);
        return out;
    }
    for (int digits = 1; digits <= DOUBLE_DIGITS; digits++) {
        snprintf(out, NUMBER_TEXT_BYTES, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    /* Digits alone would be taken for an integer that a double cannot hold. */
    if (strpbrk(out, ".e") == NULL)
        snprintf(out, NUMBER_TEXT_BYTES, "%.*e", DOUBLE_DIGITS - 1, value);
    return out;
}
