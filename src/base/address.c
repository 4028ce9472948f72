#include "config.h"

#include "base/address.h"

#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"

#define ID_HEX_DIGITS 12
#define UID_BYTES 64
#define ATTEMPT_LAST 1000000000

bool address_uid_is_valid(const char *uid)
{
    size_t len = strlen(uid), digits = 0;

    for (size_t i = 0; i < len; i++)
        digits += uid[i] != '-';
    return len <= UID_BYTES && uid[0] != '-' && digits >= ID_HEX_DIGITS &&
           strspn(uid, "0123456789abcdef-") == len;
}

bool address_name_is_valid(const char *name, size_t most, const char *more)
{
    static const char usual[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(name);

    if (len == 0 || len > most || name[0] == '-' || name[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (strchr(usual, name[i]) == NULL && strchr(more, name[i]) == NULL)
            return false;
    }
    return true;
}

char *address_make_id(const char *uid, const char *container, int64_t attempt)
{
    char digits[ID_HEX_DIGITS + 1] = "";
    size_t count = 0;

    for (const char *at = uid; *at != '\0' && count < ID_HEX_DIGITS; at++) {
        if (*at != '-')
            digits[count++] = *at;
    }
    return mem_printf("%s-%s-%lld", digits, container, (long long)attempt);
}

bool address_check(const char *uid, const char *container, int64_t attempt, struct error *err)
{
    if (uid == NULL || !address_uid_is_valid(uid))
        return error_set(err, ERROR_INVALID, "the uid must be 12 to %d lower-case hex digits and dashes", UID_BYTES);
    if (container == NULL || !address_name_is_valid(container, LIMIT_LABEL_BYTES, ""))
        return error_set(err, ERROR_INVALID, "the container's name must be a DNS label");
    if (attempt < 0 || attempt > ATTEMPT_LAST)
        return error_set(err, ERROR_INVALID, "the attempt must be a whole number from 0 to %d", ATTEMPT_LAST);
    return true;
}

bool address_parse(const char *text, bool whole, struct address *address, struct error *err)
{
    *address = (struct address){.json = json_parse(text, strlen(text), err)};
    if (address->json == NULL)
        return error_wrap(err, "the document of the call");
    address->uid = json_get_text(address->json, "uid");
    address->container = json_get_text(address->json, "container");
    address->attempt = json_get_integer(address->json, "attempt", 0);
    address->force = json_get_boolean(address->json, "force", false);
    if (!address_check(address->uid, whole ? address->container : "any", address->attempt, err))
        return false;
    if (whole)
        address->id = address_make_id(address->uid, address->container, address->attempt);
    return true;
}

void address_free(struct address *address)
{
    json_free(address->json);
    free(address->id);
    *address = (struct address){0};
}
