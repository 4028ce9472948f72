#include "config.h"

#include "base/digest.h"

#include <stdint.h>
#include <string.h>

void digest_init(struct digest *digest)
{
    sha256_init(&digest->state);
}

void digest_add(struct digest *digest, const void *data, size_t len)
{
    sha256_update(&digest->state, len, data);
}

void digest_add_text(struct digest *digest, const char *text)
{
    digest_add(digest, text, strlen(text) + 1);
}

static void write_hex(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

void digest_hex(struct digest *digest, char out[DIGEST_HEX_BYTES])
{
    uint8_t bytes[SHA256_DIGEST_SIZE];

    sha256_digest(&digest->state, sizeof(bytes), bytes);
    write_hex(bytes, sizeof(bytes), out);
}

void digest_of(const void *data, size_t len, char out[DIGEST_HEX_BYTES])
{
    struct digest digest;

    digest_init(&digest);
    digest_add(&digest, data, len);
    digest_hex(&digest, out);
}

static bool is_named_hex(const char *text, const char *prefix, size_t digits)
{
    size_t len = strlen(prefix);

    return text != NULL && strncmp(text, prefix, len) == 0 && strlen(text + len) == digits &&
           strspn(text + len, "0123456789abcdef") == digits;
}

bool digest_is_valid(const char *text)
{
    return is_named_hex(text, "sha256:", 2 * SHA256_DIGEST_SIZE);
}

bool checksum_is_valid(const char *text)
{
    return digest_is_valid(text) || is_named_hex(text, "sha512:", 2 * SHA512_DIGEST_SIZE);
}

void checksum_init(struct checksum *checksum, const char *expected)
{
    checksum->is_long = strncmp(expected, "sha512:", strlen("sha512:")) == 0;
    if (checksum->is_long)
        sha512_init(&checksum->state.longer);
    else
        sha256_init(&checksum->state.usual);
}

void checksum_add(struct checksum *checksum, const void *data, size_t len)
{
    if (checksum->is_long)
        sha512_update(&checksum->state.longer, len, data);
    else
        sha256_update(&checksum->state.usual, len, data);
}

void checksum_text(struct checksum *checksum, char out[CHECKSUM_BYTES])
{
    static const char *const prefixes[] = {"sha256:", "sha512:"};
    const char *prefix = prefixes[checksum->is_long];
    uint8_t bytes[SHA512_DIGEST_SIZE];
    size_t count = checksum->is_long ? SHA512_DIGEST_SIZE : SHA256_DIGEST_SIZE;

    if (checksum->is_long)
        sha512_digest(&checksum->state.longer, count, bytes);
    else
        sha256_digest(&checksum->state.usual, count, bytes);
    memcpy(out, prefix, strlen(prefix));
    write_hex(bytes, count, out + strlen(prefix));
}
