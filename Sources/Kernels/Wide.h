#pragma once
#include "Vector.h"
#include <stdbool.h>

// For kernels that need AVX-512: features one by one, as "arch=x86-64-v4" also says to prefer
// registers of 256 bits, at half the speed.
#define FEATURES "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq"
#define UNROLL _Pragma("clang loop unroll(full)")
#if defined(__x86_64__)
#define WIDE __attribute__((target(FEATURES)))
#define WIDE_INLINE static inline __attribute__((always_inline, target(FEATURES)))
static inline bool has_wide_registers(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}
#else
#define WIDE
#define WIDE_INLINE static inline __attribute__((always_inline))
static inline bool has_wide_registers(void) { return false; }
#endif

/// Columns of a matrix that are multiplied together.
enum { PANEL = 64 };
