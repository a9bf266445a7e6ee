#include "Kernels.h"
#include "Vector.h"

// Sixteen sums that do not wait for each other: more than latency times ports of any core so far.
CLONES float kernel_multiply_adds(int64_t rounds) {
    v16 sum[16], factor = splat(0.999999f), term = splat(1e-6f);
    for (int i = 0; i < 16; i++) sum[i] = splat((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        _Pragma("clang loop unroll(full)") for (int i = 0; i < 16; i++)
            sum[i] = sum[i] * factor + term;
    }
    v16 total = splat(0);
    for (int i = 0; i < 16; i++) total += sum[i];
    return sum_lanes(total);
}
