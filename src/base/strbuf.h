/* A growing text with a cap. At the cap nothing more is added and `overflow` is set: check it once, at the end. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *data; /* always NUL-terminated once something was added; NULL before */
    size_t len;
    size_t size;
    size_t cap;
    bool overflow;
};

void strbuf_init(struct strbuf *buf, size_t cap);
void strbuf_add(struct strbuf *buf, const char *text);
void strbuf_add_bytes(struct strbuf *buf, const void *data, size_t len);
void strbuf_printf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *strbuf_steal(struct strbuf *buf); /* never NULL; the caller frees */
void strbuf_free(struct strbuf *buf);

#define AUTO_STRBUF __attribute__((cleanup(strbuf_free)))

#endif
