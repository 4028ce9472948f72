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

void digest_hex(struct digest *digest, char out[DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[SHA256_DIGEST_SIZE];

    sha256_digest(&digest->state, sizeof(bytes), bytes);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[DIGEST_HEX_BYTES - 1] = '\0';
}

void digest_of(const void *data, size_t len, char out[DIGEST_HEX_BYTES])
{
    struct digest digest;

    digest_init(&digest);
    digest_add(&digest, data, len);
    digest_hex(&digest, out);
}

bool digest_is_valid(const char *text)
{
    static const char prefix[] = "sha256:";

    if (text == NULL || strncmp(text, prefix, sizeof(prefix) - 1) != 0)
        return false;
    text += sizeof(prefix) - 1;
    return strlen(text) == DIGEST_HEX_BYTES - 1 && strspn(text, "0123456789abcdef") == DIGEST_HEX_BYTES - 1;
}
