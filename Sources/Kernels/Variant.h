#pragma once
#include "Kernels.h"
#include "Product.h"
#include "Vector.h"
#include "Winograd.h"
#include <stdbool.h>

// Kernels whose blocks fill the registers are compiled once for AVX-512, once for AVX2 and once for pairs of
// BF16: AVX512.c, AVX2.c and Pairs.c say how wide a panel is and include the same text.

/// The kernels for one kind of registers.
typedef struct {
    /// Columns of a matrix that are multiplied together; queries of an attention as well.
    int64_t panel;
    /// As the functions of these names; matrices are of 32-bit numbers or BF16, those of `kernels_pairs` of
    /// KERNEL_PAIR.
    void (*product_run)(const kernel_product *product, int64_t first_row, int64_t last_row,
                        int64_t first_panel, int64_t last_panel);
    void (*product_gate)(const kernel_product *product, int64_t first_row, int64_t last_row);
    /// Bytes for products of so many columns of `x`; null is none.
    int64_t (*product_scratch)(int64_t in_channels);
    void (*winograd_input)(const kernel_winograd *shape, int64_t first, int64_t last, int64_t base,
                           float *v, int64_t stride, float *strip);
    void (*winograd_output)(const kernel_winograd *shape, int64_t first, int64_t last, int64_t base,
                            const float *m, int64_t stride);
    /// Whether there are queries enough.
    bool (*attention_suits)(const kernel_attention_shape *shape);
    int64_t (*attention_tasks)(const kernel_attention_shape *shape, int64_t batches);
    int64_t (*attention_scratch)(const kernel_attention_shape *shape);
    void (*attention)(const kernel_attention_shape *shape, int64_t first, int64_t last,
                      float *scratch);
    float (*multiply_adds)(int64_t rounds);
} kernel_variant;

/// Those of pairs have products and attention only.
extern const kernel_variant kernels_avx512, kernels_avx2, kernels_pairs;

/// Those of the widest registers that this processor has, or null. The environment's
/// PERSONALIVE_REGISTERS, 256 or 128 bits, makes it a lesser one.
const kernel_variant *kernel_variant_here(void);
/// Those that multiply pairs of BF16, or null.
const kernel_variant *kernel_variant_of_pairs(void);

/// sum + factor * column, number by number.
#define MULTIPLY_ADD_NUMBERS(sum, factor, column) ((sum) + (factor) * (column))

#define UNROLL _Pragma("clang loop unroll(full)")

// Features one by one, as "arch=x86-64-v4" also says to prefer registers of 256 bits, at half the speed.
#define AVX512_FEATURES "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq"
#define AVX2_FEATURES "avx2,fma"
