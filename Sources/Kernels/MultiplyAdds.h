// The peak of the processor, for AVX512.c and AVX2.c.
#include "Variant.h"

// SUMS sums of sixteen numbers, all in registers, that do not wait for each other: more than latency
// times ports of any core so far. A round is sixteen of them.
VARIANT static float multiply_adds(int64_t rounds) {
    v16 sum[SUMS], factor = splat(0.999999f), term = splat(1e-6f);
    for (int i = 0; i < SUMS; i++) sum[i] = splat((float)i);
    for (int64_t r = 0; r < rounds * 16; r += SUMS) {
        UNROLL for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * factor + term;
    }
    v16 total = splat(0);
    for (int i = 0; i < SUMS; i++) total += sum[i];
    return sum_lanes(total);
}
