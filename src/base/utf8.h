/* UTF-8, well-formed as Unicode's table 3-7 has it: no overlong form, no surrogate, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the character at `text` (1 to 4 bytes), of which `len` bytes are there; 0: not UTF-8. */
size_t utf8_char_bytes(const char *text, size_t len);
bool utf8_is_valid(const char *text, size_t len);
/* The same without what a broker may end the connection for in a topic (MQTT 5.0, 1.5.4): control characters, non-characters. */
bool utf8_is_plain(const char *text, size_t len);
/* Of what a stranger says, as much as fits, for people to look at: control characters and what is no UTF-8 become "?". */
void utf8_tame(const char *text, char *out, size_t size);
/* Writes a code point (no surrogate) to `out`; returns its bytes, 1 to 4. */
size_t utf8_encode(unsigned long code, char out[4]);

#endif
