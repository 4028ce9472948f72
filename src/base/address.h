/* Which instance a call of a runtime means: the workload's uid, the container, the attempt. They become names of files,
 * and are checked here. For plugins only: the core has ids of its own.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/json.h"

/* What start, stop, remove and release name. */
struct address {
    struct json *json;        /* the whole document; owns the texts below but id */
    const char *uid, *container;
    int64_t attempt;
    bool force;
    char *id;                 /* short, and safe as a file name */
};

/* `whole`: container and attempt must be there. */
MUST_CHECK bool address_parse(const char *text, bool whole, struct address *address, struct error *err);
void address_free(struct address *address);
MUST_CHECK bool address_check(const char *uid, const char *container, int64_t attempt, struct error *err);
char *address_make_id(const char *uid, const char *container, int64_t attempt); /* of what was checked; the caller frees */
bool address_uid_is_valid(const char *uid); /* hex digits and dashes, as a UUID has them */
/* Lower-case letters, digits, dashes and what is in `more`, at most `most` bytes. */
bool address_name_is_valid(const char *name, size_t most, const char *more);

#endif
