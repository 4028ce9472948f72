/* Base64 (RFC 4648, section 4), with its padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* The caller frees. */
char *base64_encode(const void *data, size_t len);
/* One NUL behind *out, which the caller frees. False: another character, or a wrong length. */
bool base64_decode(const char *text, size_t len, char **out, size_t *out_len);

#endif
