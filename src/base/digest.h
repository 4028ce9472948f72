/* SHA-256, and SHA-512 where somebody else chose it, by nettle: it uses the processor's own instructions, and libarchive brings it along; libcrypto costs each
 * process half a megabyte.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>

#define DIGEST_HEX_BYTES 65
#define DIGEST_OCI_BYTES (sizeof("sha256:") + 64)

struct digest {
    struct sha256_ctx state;
};

void digest_init(struct digest *digest);
void digest_add(struct digest *digest, const void *data, size_t len);
void digest_add_text(struct digest *digest, const char *text); /* with its NUL, so that fields cannot run together */
void digest_hex(struct digest *digest, char out[DIGEST_HEX_BYTES]); /* ends it */
void digest_of(const void *data, size_t len, char out[DIGEST_HEX_BYTES]);
/* "sha256:" and 64 lower-case hex digits, nothing else. Checked before a digest becomes a path (CVE-2024-3727). */
bool digest_is_valid(const char *text);

#define CHECKSUM_BYTES (sizeof("sha512:") + 128)

/* Of bytes that somebody else published, by the algorithm that they chose. */
struct checksum {
    bool is_long; /* SHA-512 */
    union {
        struct sha256_ctx usual;
        struct sha512_ctx longer;
    } state;
};

/* "sha256:" and 64, or "sha512:" and 128 lower-case hex digits. */
bool checksum_is_valid(const char *text);
void checksum_init(struct checksum *checksum, const char *expected); /* by what a valid text names */
void checksum_add(struct checksum *checksum, const void *data, size_t len);
void checksum_text(struct checksum *checksum, char out[CHECKSUM_BYTES]); /* ends it */

#endif
