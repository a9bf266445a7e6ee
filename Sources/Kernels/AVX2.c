#include "Variant.h"

// Sixteen registers of eight numbers, two for what is one with AVX-512.

#if defined(__x86_64__)
#include <immintrin.h>

#define VARIANT __attribute__((target(AVX2_FEATURES)))
#define VARIANT_INLINE static inline __attribute__((always_inline, target(AVX2_FEATURES)))

#define MULTIPLY_ADD MULTIPLY_ADD_NUMBERS
#define PAIRS 0

enum { PANEL = 16, SUMS = 6 };

#define half_power_of_two(value)                                                              \
    ({                                                                                        \
        __m256 hp_x = _mm256_min_ps(_mm256_max_ps((value), _mm256_set1_ps(-126)),             \
                                    _mm256_set1_ps(127));                                     \
        __m256 hp_n = _mm256_round_ps(hp_x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);       \
        __m256 hp_r = hp_x - hp_n;                                                            \
        __m256 hp_p = hp_r * 1.8775769e-3f + 8.9893403e-3f;                                   \
        hp_p = hp_p * hp_r + 5.5826317e-2f;                                                   \
        hp_p = hp_p * hp_r + 2.4015362e-1f;                                                   \
        hp_p = hp_p * hp_r + 6.9315307e-1f;                                                   \
        hp_p = hp_p * hp_r + 0.99999993f;                                                     \
        __m256i hp_bits = _mm256_slli_epi32(_mm256_cvtps_epi32(hp_n), 23);                    \
        _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(hp_p), hp_bits));            \
    })

// 2^x for -126 <= x <= 127, at whose ends it stays, to about one unit in the last place: 2^floor(x) times
// the polynomial of degree 5 that is best for the rest (relative error 7.5e-8 before rounding).
#define power_of_two(value)                                                                   \
    ({                                                                                        \
        v16 po_x = (value);                                                                   \
        __m256 po_low = half_power_of_two(                                                    \
            (__m256)__builtin_shufflevector(po_x, po_x, 0, 1, 2, 3, 4, 5, 6, 7));             \
        __m256 po_high = half_power_of_two(                                                   \
            (__m256)__builtin_shufflevector(po_x, po_x, 8, 9, 10, 11, 12, 13, 14, 15));       \
        (v16)__builtin_shufflevector(po_low, po_high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,   \
                                     12, 13, 14, 15);                                         \
    })

#include "AttentionBlocks.h"
#include "MultiplyAdds.h"
#include "ProductRows.h"
#include "WinogradTiles.h"

const kernel_variant kernels_avx2 = {
    .panel = PANEL,
    .product_run = product_run,
    .product_gate = product_gate,
    .winograd_input = winograd_input,
    .winograd_output = winograd_output,
    .attention_suits = attention_suits,
    .attention_tasks = attention_tasks,
    .attention_scratch = attention_scratch,
    .attention = attention_run,
    .multiply_adds = multiply_adds,
};
#endif
