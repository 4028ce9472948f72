#include "config.h"

#include "base/memory.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *mem_need(void *memory)
{
    static const char text[] = "out of memory: the process ends here and is started again\n";

    if (memory == NULL) {
        ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
        (void)written;
        abort();
    }
    return memory;
}

void *mem_alloc(size_t size)
{
    return mem_need(calloc(1, size > 0 ? size : 1));
}

void *mem_array(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        return mem_alloc(1);
    return mem_need(calloc(count, size)); /* calloc fails on overflow */
}

void *mem_resize(void *old, size_t count, size_t size)
{
    if (count == 0 || size == 0)
        return mem_need(realloc(old, 1));
    return mem_need(reallocarray(old, count, size));
}

char *mem_strdup(const char *text)
{
    return text == NULL ? NULL : mem_need(strdup(text));
}

char *mem_strndup(const char *text, size_t len)
{
    return text == NULL ? NULL : mem_need(strndup(text, len));
}

void *mem_dup(const void *data, size_t len)
{
    char *copy = mem_need(len < SIZE_MAX ? malloc(len + 1) : NULL);

    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    return mem_need(len < 0 ? NULL : text);
}

void mem_rest(void)
{
    malloc_trim(0);
}
