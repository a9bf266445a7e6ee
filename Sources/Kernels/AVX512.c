#include "Variant.h"

// Thirty-two registers of sixteen numbers.

#if defined(__x86_64__)
#include <immintrin.h>

#define VARIANT __attribute__((target(AVX512_FEATURES)))
#define VARIANT_INLINE static inline __attribute__((always_inline, target(AVX512_FEATURES)))

#define MULTIPLY_ADD MULTIPLY_ADD_NUMBERS
#define PAIRS 0

enum { PANEL = 64, SUMS = 16 };

#include "PowerOfTwo.h"
#include "AttentionBlocks.h"
#include "MultiplyAdds.h"
#include "ProductRows.h"
#include "WinogradTiles.h"

const kernel_variant kernels_avx512 = {
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
