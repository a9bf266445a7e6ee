#include "Variant.h"

// Products and attention of BF16 numbers in pairs, with registers of AVX-512: a number of 32 bits is a pair,
// both of whose products join a sum of 32 bits.

#if defined(__x86_64__)
#include <immintrin.h>

#define PAIR_FEATURES AVX512_FEATURES ",avx512bf16"
#define VARIANT __attribute__((target(PAIR_FEATURES)))
#define VARIANT_INLINE static inline __attribute__((always_inline, target(PAIR_FEATURES)))
#define MULTIPLY_ADD(sum, factor, column) \
    ((v16)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(factor), (__m512bh)(column)))

#define PAIRS 1
enum { PANEL = 64 };

// Sixteen pairs of two numbers each, to the nearest BF16, ties to even.
typedef uint16_t v32s __attribute__((vector_size(64)));
static const v32s ALTERNATE = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                               8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
#define pair(first, second)                                                                       \
    ((v16)_mm512_permutexvar_epi16(                                                               \
        (__m512i)ALTERNATE, (__m512i)_mm512_cvtne2ps_pbh((__m512)(second), (__m512)(first))))

// The numbers of each row in pairs; an odd one's fellow is 0.
VARIANT static void pair_within_rows(const float *x, int64_t stride, int64_t rows, int64_t count,
                                     float *to) {
    for (int64_t r = 0; r < rows; r++, x += stride, to += (count + 1) / 2) {
        int64_t k = 0;
        for (; k + 2 * LANES <= count; k += 2 * LANES)
            _mm512_storeu_si512(to + k / 2, (__m512i)_mm512_cvtne2ps_pbh(
                                                (__m512)load(x + k + LANES), (__m512)load(x + k)));
        if (k == count) continue;
        __mmask32 some = (1u << (count - k)) - 1;
        __m512 low = _mm512_maskz_loadu_ps((__mmask16)some, x + k);
        __m512 high = _mm512_maskz_loadu_ps((__mmask16)(some >> LANES), x + k + LANES);
        __mmask16 pairs = (__mmask16)((1u << (count - k + 1) / 2) - 1);
        _mm512_mask_storeu_epi32(to + k / 2, pairs, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

// Each number and the one below it in the next row; an odd row's fellows are 0. `to` may be `x`.
VARIANT static void pair_across_rows(const float *x, int64_t stride, int64_t rows, int64_t count,
                                     float *to) {
    for (int64_t r = 0; r < rows; r += 2, x += 2 * stride, to += count)
        for (int64_t k = 0; k < count; k += LANES) {
            int64_t left = count - k;
            __mmask16 some = left < LANES ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff;
            __mmask16 both = r + 1 < rows ? some : 0;
            __m512 first = _mm512_maskz_loadu_ps(some, x + k);
            __m512 second = _mm512_maskz_loadu_ps(both, x + stride + k);
            _mm512_mask_storeu_ps(to + k, some, (__m512)pair(first, second));
        }
}

#include "PowerOfTwo.h"
#include "AttentionBlocks.h"
#include "ProductRows.h"

// A chunk of rows as a product of half as many columns, in the scratch.
VARIANT static kernel_product paired(const kernel_product *s, int64_t row, int64_t rows) {
    kernel_product pairs = kernel_product_part(s, row, 0);
    pair_within_rows(pairs.x, s->x_stride, rows, s->in_channels, s->scratch);
    pairs.x = s->scratch;
    pairs.in_channels = pairs.x_stride = s->in_channels / 2;
    pairs.format = KERNEL_FLOAT;
    return pairs;
}

VARIANT static void pair_product_run(const kernel_product *s, int64_t first_row, int64_t last_row,
                                     int64_t first_panel, int64_t last_panel) {
    int64_t chunk = chunk_rows(s->in_channels / 2);
    for (int64_t row = first_row; row < last_row; row += chunk) {
        int64_t rows = last_row - row < chunk ? last_row - row : chunk;
        kernel_product pairs = paired(s, row, rows);
        product_run(&pairs, 0, rows, first_panel, last_panel);
    }
}

VARIANT static void pair_product_gate(const kernel_product *s, int64_t first_row,
                                      int64_t last_row) {
    for (int64_t row = first_row; row < last_row; row += LEAST_ROWS) {
        int64_t rows = last_row - row < LEAST_ROWS ? last_row - row : LEAST_ROWS;
        kernel_product pairs = paired(s, row, rows);
        product_gate(&pairs, 0, rows);
    }
}

static int64_t pair_product_scratch(int64_t in_channels) {
    int64_t pairs = in_channels / 2;
    return (int64_t)sizeof(float) * chunk_rows(pairs) * pairs;
}

const kernel_variant kernels_pairs = {
    .panel = PANEL,
    .product_run = pair_product_run,
    .product_gate = pair_product_gate,
    .product_scratch = pair_product_scratch,
    .attention_suits = attention_suits,
    .attention_tasks = attention_tasks,
    .attention_scratch = attention_scratch,
    .attention = attention_run,
};
#endif
