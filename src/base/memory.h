/* Memory that is there or the process ends: every Davit process may die at any moment and is started again,
 * and no workload hangs on one (ARCHITECTURE.md, Laws). All memory is zeroed.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *mem_alloc(size_t size);
void *mem_array(size_t count, size_t size);       /* ends the process on overflow too */
void *mem_resize(void *old, size_t count, size_t size); /* what is new is not zeroed */
char *mem_strdup(const char *text);               /* NULL stays NULL */
char *mem_strndup(const char *text, size_t len);
void *mem_dup(const void *data, size_t len);      /* one NUL behind it */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define MEM_REST_MS 10000
/* Gives back the free parts of the heap that a busy moment needed. For a process that has had nothing to do for MEM_REST_MS.
 */
void mem_rest(void);

static inline void mem_free_at(void *at)
{
    free(*(void **)at);
}
static inline void fd_close_at(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
static inline int fd_steal(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define AUTO_FREE __attribute__((cleanup(mem_free_at)))
#define AUTO_CLOSE __attribute__((cleanup(fd_close_at)))
/* Hands ownership on: yields the pointer, leaves NULL behind. */
#define mem_steal(ptr) __extension__({ __typeof__(*(ptr)) stolen_ = *(ptr); *(ptr) = NULL; stolen_; })

#endif
