/* An error with a code that decides what to do next, and a message that grows context on its way up.
 * Functions that can fail return false and fill *err; err may not be NULL. Nothing is allocated.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

#define ERROR_MESSAGE_BYTES 512

#define MUST_CHECK __attribute__((warn_unused_result))

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID,     /* the input is wrong: do not retry */
    ERROR_NOT_FOUND,
    ERROR_EXISTS,
    ERROR_CONFLICT,
    ERROR_LIMIT,       /* a cap of limits.h */
    ERROR_DENIED,
    ERROR_TIMEOUT,     /* retry later */
    ERROR_UNAVAILABLE, /* retry later */
    ERROR_NO_SPACE,    /* retry when space is freed */
    ERROR_UNSUPPORTED,
    ERROR_IO,
    ERROR_INTERNAL
};

struct error {
    enum error_code code;
    char message[ERROR_MESSAGE_BYTES];
};

/* Both always return false, so that a function can `return error_set(err, …)`. */
bool error_set(struct error *err, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Sets code and text from an errno value: "FORMAT: strerror". */
bool error_set_errno(struct error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts "FORMAT: " in front of the message; the code stays. */
bool error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The code as one CamelCase word ("NotFound"), as it stands in a status. Static. */
const char *error_code_name(enum error_code code);
enum error_code error_code_from_name(const char *name); /* unknown: ERROR_INTERNAL */

#endif
