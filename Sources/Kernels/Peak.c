#include "Variant.h"

// Without a variant, as many sums as sixteen registers of four numbers hold.
static float narrow_multiply_adds(int64_t rounds) {
    enum { SUMS = 3 };
    v16 sum[SUMS] = {0}, factor = splat(0.999999f), term = splat(1e-6f);
    for (int64_t r = 0; r < rounds * 16; r += SUMS) {
        UNROLL for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * factor + term;
    }
    return sum_lanes(sum[0] + sum[1] + sum[2]);
}

float kernel_multiply_adds(int64_t rounds) {
    const kernel_variant *here = kernel_variant_here();
    return here ? here->multiply_adds(rounds) : narrow_multiply_adds(rounds);
}
