#include "config.h"

#include "base/yaml_scalar.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

static const struct {
    const char *text;
    enum yaml_scalar kind;
    bool truth;
} words[] = {
    {"", YAML_SCALAR_NULL, false},      {"~", YAML_SCALAR_NULL, false},     {"null", YAML_SCALAR_NULL, false},
    {"Null", YAML_SCALAR_NULL, false},  {"NULL", YAML_SCALAR_NULL, false},  {"y", YAML_SCALAR_BOOL, true},
    {"Y", YAML_SCALAR_BOOL, true},      {"yes", YAML_SCALAR_BOOL, true},    {"Yes", YAML_SCALAR_BOOL, true},
    {"YES", YAML_SCALAR_BOOL, true},    {"on", YAML_SCALAR_BOOL, true},     {"On", YAML_SCALAR_BOOL, true},
    {"ON", YAML_SCALAR_BOOL, true},     {"true", YAML_SCALAR_BOOL, true},   {"True", YAML_SCALAR_BOOL, true},
    {"TRUE", YAML_SCALAR_BOOL, true},   {"n", YAML_SCALAR_BOOL, false},     {"N", YAML_SCALAR_BOOL, false},
    {"no", YAML_SCALAR_BOOL, false},    {"No", YAML_SCALAR_BOOL, false},    {"NO", YAML_SCALAR_BOOL, false},
    {"off", YAML_SCALAR_BOOL, false},   {"Off", YAML_SCALAR_BOOL, false},   {"OFF", YAML_SCALAR_BOOL, false},
    {"false", YAML_SCALAR_BOOL, false}, {"False", YAML_SCALAR_BOOL, false}, {"FALSE", YAML_SCALAR_BOOL, false},
};

static const char *const not_finite[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};

static const char decimal_digits[] = "0123456789";

static struct yaml_resolved resolved_refused(const char *why)
{
    return (struct yaml_resolved){.kind = YAML_SCALAR_REFUSED, .why = why};
}

/* The base an integer is written in, and how long its mark is. */
static unsigned base_of(const char *digits, size_t *mark)
{
    *mark = 2;
    if (digits[0] != '0')
        return 10;
    if (digits[1] == 'x' || digits[1] == 'X')
        return 16;
    if (digits[1] == 'b' || digits[1] == 'B')
        return 2;
    if (digits[1] == 'o' || digits[1] == 'O')
        return 8;
    *mark = 1;
    return 8; /* YAML 1.1: a leading zero alone is octal; file modes are written so */
}

static bool integer_resolve(const char *digits, bool negative, struct yaml_resolved *out)
{
    static const char all[] = "0123456789abcdefABCDEF";
    size_t mark;
    unsigned base = base_of(digits, &mark);

    if (base == 10)
        return false;
    size_t usable = base == 16 ? sizeof(all) - 1 : base;
    size_t len = strlen(digits + mark);
    for (size_t i = 0; i < len; i++) {
        if (memchr(all, digits[mark + i], usable) == NULL)
            return false;
    }
    if (len == 0)
        return false;
    unsigned long long value = strtoull(digits + mark, NULL, (int)base);
    if (len > 64 || value > NUMBER_INTEGER_MAX) {
        *out = resolved_refused("an integer beyond 2^53 would lose digits: quote it to make it a string");
        return true;
    }
    *out = (struct yaml_resolved){.kind = YAML_SCALAR_NUMBER, .number = negative ? -(double)value : (double)value};
    return true;
}

/* [-+] (digits [. digits*] | . digits) [e [-+] digits], to its end. */
static bool is_decimal(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, decimal_digits);
    size_t fraction = 0;
    text += whole;
    if (*text == '.') {
        text++;
        fraction = strspn(text, decimal_digits);
        text += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t exponent = strspn(text, decimal_digits);
        if (exponent == 0)
            return false;
        text += exponent;
    }
    return *text == '\0';
}

static bool is_not_finite(const char *text)
{
    if ((text[0] == '-' || text[0] == '+') && text[1] == '.' && (text[2] == 'i' || text[2] == 'I'))
        text++; /* NaN has no sign: with one it is a text */
    for (size_t i = 0; i < sizeof(not_finite) / sizeof(not_finite[0]); i++) {
        if (strcmp(text, not_finite[i]) == 0)
            return true;
    }
    return false;
}

/* YAML 1.1 lets digits be grouped: 1_000. go-yaml does so only behind a digit or a sign. */
static char *without_underscores(const char *text)
{
    char *copy = mem_strdup(text);
    char *to = copy;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '_')
            *to++ = *from;
    }
    *to = '\0';
    return copy;
}

static struct yaml_resolved number_resolve(const char *text)
{
    struct yaml_resolved out = {.kind = YAML_SCALAR_TEXT};
    AUTO_FREE char *plain = text[0] == '.' ? mem_strdup(text) : without_underscores(text);
    bool sign = plain[0] == '-' || plain[0] == '+';

    if (is_not_finite(text))
        return resolved_refused("infinity and NaN are no JSON numbers: quote it to make it a string");
    if (plain[sign] == '0' && plain[sign + 1] != '\0' && integer_resolve(plain + sign, plain[0] == '-', &out))
        return out;
    if (!is_decimal(plain))
        return out;
    if (!number_parse(plain, strlen(plain), &out.number, &out.why))
        out.kind = YAML_SCALAR_REFUSED;
    else
        out.kind = YAML_SCALAR_NUMBER;
    return out;
}

struct yaml_resolved yaml_scalar_resolve(const char *text)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i].text) == 0)
            return (struct yaml_resolved){.kind = words[i].kind, .truth = words[i].truth};
    }
    if (strchr("0123456789-+.", text[0]) != NULL)
        return number_resolve(text);
    return (struct yaml_resolved){.kind = YAML_SCALAR_TEXT};
}
