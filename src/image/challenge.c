#include "config.h"

#include "image/challenge.h"

#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "davit/limits.h"

enum scheme { SCHEME_NONE, SCHEME_BASIC, SCHEME_BEARER, SCHEME_OTHER };

struct reader {
    const char *at;
    enum scheme scheme; /* whose parameters come now */
    struct challenge *out;
};

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_length(const char *text)
{
    size_t len = 0;
    while (is_token_char(text[len]))
        len++;
    return len;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static bool broken(struct error *err)
{
    return error_set(err, ERROR_INVALID, "it asks for a name in a way that cannot be read (WWW-Authenticate)");
}

/* A token, or text in quotes with \ before what is meant as it is. NULL: neither. */
static char *value_read(struct reader *reader)
{
    const char *at = reader->at;
    if (*at != '"') {
        size_t len = token_length(at);
        reader->at = at + len;
        return len > 0 ? mem_strndup(at, len) : NULL;
    }
    AUTO_STRBUF struct strbuf value;
    strbuf_init(&value, LIMIT_FETCH_HEADER_BYTES);
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if ((*at < ' ' && *at != '\t') || *at > '~')
            return NULL;
        strbuf_add_bytes(&value, at, 1);
    }
    reader->at = at + 1;
    return strbuf_steal(&value);
}

/* One parameter of the challenge that was begun; said twice, it is broken: two readers would differ. */
static bool parameter_take(struct reader *reader, const char *name, size_t len, struct error *err)
{
    const struct {
        const char *name;
        char **place;
    } known[] = {
        {"realm", &reader->out->realm},
        {"service", &reader->out->service},
        {"scope", &reader->out->scope},
        {"error", &reader->out->error},
    };
    AUTO_FREE char *value = value_read(reader);
    if (value == NULL || reader->scheme == SCHEME_NONE)
        return broken(err);
    for (size_t i = 0; reader->scheme == SCHEME_BEARER && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].name) != len || strncasecmp(known[i].name, name, len) != 0)
            continue;
        if (*known[i].place != NULL)
            return broken(err);
        *known[i].place = mem_steal(&value);
        break;
    }
    return true;
}

static enum scheme scheme_of(const char *name, size_t len)
{
    if (len == 6 && strncasecmp(name, "Bearer", len) == 0)
        return SCHEME_BEARER;
    return len == 5 && strncasecmp(name, "Basic", len) == 0 ? SCHEME_BASIC : SCHEME_OTHER;
}

/* Of two Bearer challenges the first one is meant. */
static void scheme_begin(struct reader *reader, const char *name, size_t len)
{
    reader->scheme = scheme_of(name, len);
    if (reader->scheme == SCHEME_BEARER && reader->out->bearer)
        reader->scheme = SCHEME_OTHER;
    reader->out->bearer = reader->out->bearer || reader->scheme == SCHEME_BEARER;
    reader->out->basic = reader->out->basic || reader->scheme == SCHEME_BASIC;
}

/* "Negotiate AbC/d==": no parameters, but one word. */
static bool word68_skip(struct reader *reader)
{
    size_t len = 0;
    while (is_token_char(reader->at[len]) || reader->at[len] == '/')
        len++;
    size_t end = len + strspn(reader->at + len, "=");
    const char *behind = skip_blanks(reader->at + end);
    if (len == 0 || (*behind != '\0' && *behind != ','))
        return false;
    reader->at = behind;
    return true;
}

static bool parameter_read(struct reader *reader, struct error *err)
{
    const char *name = reader->at;
    size_t len = token_length(name);
    const char *behind = skip_blanks(name + len);
    if (len == 0 || *behind != '=')
        return broken(err);
    reader->at = skip_blanks(behind + 1);
    return parameter_take(reader, name, len, err);
}

/* A parameter, or a scheme with its first one. */
static bool element_read(struct reader *reader, struct error *err)
{
    const char *name = reader->at;
    size_t len = token_length(name);
    const char *behind = skip_blanks(name + len);
    if (len == 0)
        return broken(err);
    if (*behind == '=')
        return parameter_read(reader, err);
    if (*behind != '\0' && *behind != ',' && behind == name + len)
        return broken(err);
    scheme_begin(reader, name, len);
    reader->at = behind;
    return *behind == '\0' || *behind == ',' || word68_skip(reader) || parameter_read(reader, err);
}

bool challenge_parse(const char *text, struct challenge *out, struct error *err)
{
    struct reader reader = {.at = text, .out = out};
    memset(out, 0, sizeof(*out));
    for (;;) {
        reader.at += strspn(reader.at, " \t,");
        if (*reader.at == '\0')
            break;
        if (!element_read(&reader, err))
            return false;
        reader.at = skip_blanks(reader.at);
        if (*reader.at != '\0' && *reader.at != ',')
            return broken(err);
    }
    if (out->bearer && out->realm == NULL)
        return error_set(err, ERROR_INVALID, "it asks for a token and does not say where to get one");
    return out->bearer || out->basic ||
           error_set(err, ERROR_UNSUPPORTED, "it asks for a name by neither Basic nor Bearer");
}

void challenge_free(struct challenge *challenge)
{
    free(challenge->realm);
    free(challenge->service);
    free(challenge->scope);
    free(challenge->error);
    memset(challenge, 0, sizeof(*challenge));
}

static bool item_is_pull(const char *item, size_t len)
{
    static const char begin[] = "repository:", end[] = ":pull";
    size_t begin_len = sizeof(begin) - 1, end_len = sizeof(end) - 1;
    return len > begin_len + end_len && strncmp(item, begin, begin_len) == 0 &&
           strncmp(item + len - end_len, end, end_len) == 0 &&
           memchr(item + begin_len, ',', len - begin_len) == NULL;
}

bool challenge_scope_is_pull(const char *scope)
{
    if (scope == NULL || scope[0] == '\0')
        return false;
    for (;;) {
        size_t len = strcspn(scope, " ");
        if (!item_is_pull(scope, len))
            return false;
        if (scope[len] == '\0')
            return true;
        scope += len + 1;
    }
}
