#include "AllocationMeter.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>

// glibc's own, under the names that stay when the usual ones are replaced.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static __thread int is_on;
static __thread int64_t held, most;

static void *taken(void *block) {
    if (is_on && block) {
        held += (int64_t)malloc_usable_size(block);
        if (held > most) most = held;
    }
    return block;
}

static void given(void *block) {
    if (is_on && block) held -= (int64_t)malloc_usable_size(block);
}

void *malloc(size_t size) { return taken(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return taken(__libc_calloc(count, size)); }

void *realloc(void *block, size_t size) {
    given(block);
    return taken(__libc_realloc(block, size));
}

void *memalign(size_t alignment, size_t size) {
    return taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
    *block = memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}

void free(void *block) {
    given(block);
    __libc_free(block);
}

void allocation_meter_start(void) {
    held = most = 0;
    is_on = 1;
}

size_t allocation_meter_stop(void) {
    is_on = 0;
    return (size_t)most;
}
