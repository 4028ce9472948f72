#include "config.h"

#include "base/json_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/utf8.h"
#include "davit/limits.h"

/* A key as it reads: a slice of the text, or decoded where it holds an escape. */
struct key {
    const char *text;
    size_t len;
    size_t at; /* where it stands */
    char *decoded;
};

struct check {
    const char *text;
    size_t len;
    size_t at;
    unsigned depth;
    struct key *keys; /* of the objects that are open, innermost last */
    size_t key_count;
    size_t key_size;
    struct error *err;
};

static bool value_check(struct check *check);

static bool refuse(struct check *check, const char *what)
{
    return error_set(check->err, ERROR_INVALID, "JSON, byte %zu: %s", check->at, what);
}

static int peek(const struct check *check)
{
    return check->at < check->len ? (unsigned char)check->text[check->at] : -1;
}

static void space_skip(struct check *check)
{
    while (check->at < check->len && memchr(" \t\n\r", check->text[check->at], 4) != NULL)
        check->at++;
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Four hex digits at `text`; -1 where there are none. */
static long hex_read(const char *text, size_t len)
{
    long value = 0;

    if (len < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_value(text[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Behind "\u": one code point, of one or two escapes. Returns the bytes behind "\u", 0 where it is wrong. */
static size_t unicode_read(const char *text, size_t len, unsigned long *code)
{
    long first = hex_read(text, len);

    if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff))
        return 0;
    *code = (unsigned long)first;
    if (first < 0xd800 || first > 0xdbff)
        return 4;
    if (len < 10 || text[4] != '\\' || text[5] != 'u')
        return 0;
    long second = hex_read(text + 6, len - 6);
    if (second < 0xdc00 || second > 0xdfff)
        return 0;
    *code = 0x10000 + (((unsigned long)first - 0xd800) << 10) + ((unsigned long)second - 0xdc00);
    return 10;
}

static bool escape_check(struct check *check)
{
    unsigned long code;

    check->at++;
    if (peek(check) == 'u') {
        size_t used = unicode_read(check->text + check->at + 1, check->len - check->at - 1, &code);
        if (used == 0)
            return refuse(check, "a \\u escape that is no character (half a surrogate, \\u0000, no hex digits)");
        check->at += 1 + used;
        return true;
    }
    if (check->at >= check->len || memchr("\"\\/bfnrt", check->text[check->at], 8) == NULL)
        return refuse(check, "an unknown escape in a string");
    check->at++;
    return true;
}

/* At the opening quote; ends behind the closing one. */
static bool string_check(struct check *check, bool *escaped)
{
    check->at++;
    *escaped = false;
    for (;;) {
        int c = peek(check);
        if (c < 0)
            return refuse(check, "the text ends inside a string");
        if (c == '"') {
            check->at++;
            return true;
        }
        if (c < ' ')
            return refuse(check, "a raw control character in a string");
        if (c == '\\') {
            *escaped = true;
            if (!escape_check(check))
                return false;
            continue;
        }
        size_t bytes = utf8_char_bytes(check->text + check->at, check->len - check->at);
        if (bytes == 0)
            return refuse(check, "not UTF-8");
        check->at += bytes;
    }
}

static size_t digits_skip(struct check *check)
{
    size_t start = check->at;

    while (peek(check) >= '0' && peek(check) <= '9')
        check->at++;
    return check->at - start;
}

static bool number_grammar(struct check *check)
{
    if (peek(check) == '-')
        check->at++;
    bool zero = peek(check) == '0';
    size_t whole = digits_skip(check);
    if (whole == 0)
        return refuse(check, "a value was expected");
    if (zero && whole > 1)
        return refuse(check, "a number with a leading zero");
    if (peek(check) == '.') {
        check->at++;
        if (digits_skip(check) == 0)
            return refuse(check, "digits are missing behind the point of a number");
    }
    if (peek(check) == 'e' || peek(check) == 'E') {
        check->at++;
        if (peek(check) == '+' || peek(check) == '-')
            check->at++;
        if (digits_skip(check) == 0)
            return refuse(check, "digits are missing in the exponent of a number");
    }
    return true;
}

static bool number_check(struct check *check)
{
    size_t start = check->at;
    const char *why = NULL;
    double value;

    if (!number_grammar(check))
        return false;
    if (number_parse(check->text + start, check->at - start, &value, &why))
        return true;
    check->at = start;
    return refuse(check, why);
}

static bool word_check(struct check *check, const char *word)
{
    size_t len = strlen(word);

    if (check->len - check->at < len || memcmp(check->text + check->at, word, len) != 0)
        return refuse(check, "a value was expected");
    check->at += len;
    return true;
}

/* The text of a key was checked, so every escape is whole. */
static void key_decode(struct key *key)
{
    char *out = mem_alloc(key->len);
    size_t len = 0;

    for (size_t at = 0; at < key->len;) {
        if (key->text[at] != '\\') {
            out[len++] = key->text[at++];
            continue;
        }
        char c = key->text[at + 1];
        unsigned long code = 0;
        at += 2;
        if (c == 'u')
            at += unicode_read(key->text + at, key->len - at, &code);
        else
            code = (unsigned char)("\b\f\n\r\t\"\\/"[strchr("bfnrt\"\\/", c) - "bfnrt\"\\/"]);
        len += utf8_encode(code, out + len);
    }
    key->decoded = out;
    key->text = out;
    key->len = len;
}

static bool key_check(struct check *check)
{
    struct key key = {.at = check->at};
    bool escaped;

    if (peek(check) != '"')
        return refuse(check, "a key in quotes was expected");
    if (!string_check(check, &escaped))
        return false;
    key.text = check->text + key.at + 1;
    key.len = check->at - key.at - 2;
    if (escaped)
        key_decode(&key);
    if (check->key_count == check->key_size) {
        check->key_size = check->key_size > 0 ? check->key_size * 2 : 64;
        check->keys = mem_resize(check->keys, check->key_size, sizeof(key));
    }
    check->keys[check->key_count++] = key;
    return true;
}

static int key_compare(const void *left, const void *right)
{
    const struct key *a = left;
    const struct key *b = right;
    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static void keys_drop(struct check *check, size_t first)
{
    while (check->key_count > first)
        free(check->keys[--check->key_count].decoded);
}

/* Sorted, a key that stands twice has itself as a neighbour. */
static bool keys_are_single(struct check *check, size_t first)
{
    struct key *keys = check->keys + first;
    size_t count = check->key_count - first;

    if (count < 2)
        return true;
    qsort(keys, count, sizeof(*keys), key_compare);
    for (size_t i = 1; i < count; i++) {
        if (key_compare(&keys[i - 1], &keys[i]) != 0)
            continue;
        check->at = keys[i].at > keys[i - 1].at ? keys[i].at : keys[i - 1].at;
        return refuse(check, "a key stands here for the second time in its object");
    }
    return true;
}

static bool members_check(struct check *check)
{
    for (;;) {
        space_skip(check);
        if (!key_check(check))
            return false;
        space_skip(check);
        if (peek(check) != ':')
            return refuse(check, "a colon was expected behind a key");
        check->at++;
        if (!value_check(check))
            return false;
        space_skip(check);
        int c = peek(check);
        if (c != ',' && c != '}')
            return refuse(check, "a comma or } was expected");
        check->at++;
        if (c == '}')
            return true;
    }
}

static bool object_check(struct check *check)
{
    size_t first = check->key_count;

    check->at++;
    space_skip(check);
    if (peek(check) == '}') {
        check->at++;
        return true;
    }
    bool ok = members_check(check) && keys_are_single(check, first);
    keys_drop(check, first);
    return ok;
}

static bool array_check(struct check *check)
{
    check->at++;
    space_skip(check);
    if (peek(check) == ']') {
        check->at++;
        return true;
    }
    for (;;) {
        if (!value_check(check))
            return false;
        space_skip(check);
        int c = peek(check);
        if (c != ',' && c != ']')
            return refuse(check, "a comma or ] was expected");
        check->at++;
        if (c == ']')
            return true;
    }
}

static bool container_check(struct check *check, bool (*inside)(struct check *))
{
    if (check->depth >= LIMIT_JSON_DEPTH)
        return error_set(check->err, ERROR_LIMIT, "JSON, byte %zu: nested deeper than %d", check->at, LIMIT_JSON_DEPTH);
    check->depth++;
    bool ok = inside(check);
    check->depth--;
    return ok;
}

static bool value_check(struct check *check)
{
    bool escaped;

    space_skip(check);
    switch (peek(check)) {
    case '{':
        return container_check(check, object_check);
    case '[':
        return container_check(check, array_check);
    case '"':
        return string_check(check, &escaped);
    case 't':
        return word_check(check, "true");
    case 'f':
        return word_check(check, "false");
    case 'n':
        return word_check(check, "null");
    default:
        return number_check(check);
    }
}

bool json_check(const char *text, size_t len, struct error *err)
{
    struct check check = {.text = text, .len = len, .err = err};
    bool ok = value_check(&check);

    if (ok) {
        space_skip(&check);
        if (check.at < len)
            ok = refuse(&check, "something stands behind the value");
    }
    keys_drop(&check, 0);
    free(check.keys);
    return ok;
}
