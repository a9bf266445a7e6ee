#include "Variant.h"
#include <stdlib.h>

static const kernel_variant *here;

#if defined(__x86_64__)
static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

__attribute__((constructor)) static void choose(void) {
    const char *said = getenv("PERSONALIVE_REGISTERS");
    int most = said ? atoi(said) : 512;
    __builtin_cpu_init();
    if (most >= 512 && has_avx512()) here = &kernels_avx512;
    else if (most >= 256 && has_avx2()) here = &kernels_avx2;
}
#endif

const kernel_variant *kernel_variant_here(void) { return here; }

const kernel_variant *kernel_variant_of_pairs(void) {
#if defined(__x86_64__)
    if (here == &kernels_avx512 && __builtin_cpu_supports("avx512bf16")) return &kernels_pairs;
#endif
    return NULL;
}
