/* SHA-256, by libmd: it is on every Debian and costs no memory to speak of, where libcrypto costs each process half a
 * megabyte.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <sha256.h>
#include <stdbool.h>
#include <stddef.h>

#define DIGEST_HEX_BYTES 65
#define DIGEST_OCI_BYTES (sizeof("sha256:") + 64)

struct digest {
    SHA2_CTX state;
};

void digest_init(struct digest *digest);
void digest_add(struct digest *digest, const void *data, size_t len);
void digest_add_text(struct digest *digest, const char *text); /* with its NUL, so that fields cannot run together */
void digest_hex(struct digest *digest, char out[DIGEST_HEX_BYTES]); /* ends it */
void digest_of(const void *data, size_t len, char out[DIGEST_HEX_BYTES]);
/* "sha256:" and 64 lower-case hex digits, nothing else. Checked before a digest becomes a path (CVE-2024-3727). */
bool digest_is_valid(const char *text);

#endif
