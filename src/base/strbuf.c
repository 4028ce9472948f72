#include "config.h"

#include "base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define FIRST_SIZE_BYTES 128

void strbuf_init(struct strbuf *buf, size_t cap)
{
    memset(buf, 0, sizeof(*buf));
    buf->cap = cap;
}

/* Makes room for `len` bytes and a NUL; false at the cap. */
static bool strbuf_reserve(struct strbuf *buf, size_t len)
{
    if (buf->overflow || len > buf->cap || buf->len > buf->cap - len || len >= SIZE_MAX - buf->len) {
        buf->overflow = true;
        return false;
    }
    size_t need = buf->len + len + 1;
    if (need <= buf->size)
        return true;
    size_t size = buf->size > SIZE_MAX / 2 ? need : buf->size * 2;
    if (size < need)
        size = need < FIRST_SIZE_BYTES ? FIRST_SIZE_BYTES : need;
    buf->data = mem_resize(buf->data, size, 1);
    buf->size = size;
    return true;
}

void strbuf_add_bytes(struct strbuf *buf, const void *data, size_t len)
{
    if (!strbuf_reserve(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void strbuf_add(struct strbuf *buf, const char *text)
{
    strbuf_add_bytes(buf, text, strlen(text));
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        buf->overflow = true;
        return;
    }
    strbuf_add_bytes(buf, text, (size_t)len);
    free(text);
}

char *strbuf_steal(struct strbuf *buf)
{
    char *text = buf->data != NULL ? mem_steal(&buf->data) : mem_alloc(1);

    strbuf_init(buf, buf->cap);
    return text;
}

void strbuf_free(struct strbuf *buf)
{
    free(buf->data);
    strbuf_init(buf, buf->cap);
}
