#include "ProductHalf.h"
#include "Variant.h"

bool kernel_half_works(void) {
#if defined(__x86_64__)
    return kernel_variant_here() == &kernels_avx512 && __builtin_cpu_supports("avx512fp16");
#else
    return false;
#endif
}

#if defined(__x86_64__)
#include <immintrin.h>

#define HALF __attribute__((target(AVX512_FEATURES ",avx512fp16")))
#define HALF_INLINE static inline __attribute__((always_inline, target(AVX512_FEATURES ",avx512fp16")))

// Five rows times 160 columns are 25 sums of 32 halves in registers. After DEPTH products they join
// sums of 32 bits, so that they stay short: with 40 the error is 1.0e-3 of a product's norm, with 64
// 1.3e-3, where weights of BF16 and sums of 32 bits have 1.7e-3. Rows are multiplied by a power of two
// that brings their largest number to 4 ... 8, as halves end at 65504.
enum {
    HALVES = 32,
    VECTORS = 5,
    ROWS = 5,
    DEPTH = 40,
    CHUNK = 120,
    BLOCK = HALF_DEPTH,
};

typedef _Float16 v32h __attribute__((vector_size(64)));
typedef _Float16 v32u __attribute__((vector_size(64), aligned(2), may_alias));
typedef uint32_t v16w __attribute__((vector_size(64), aligned(4), may_alias));

int64_t half_product_scratch(void) {
    return (int64_t)sizeof(uint32_t) * CHUNK * (BLOCK + 1 + 2 * HALF_PANEL);
}

// A piece of a panel, the rows it meets, and what is fetched meanwhile.
typedef struct {
    /// Each half twice: registers are filled with one number of 32 bits in a single step.
    const uint32_t *x;
    int64_t x_stride, depth;
    const _Float16 *panel;
    /// What the sums of each row are multiplied by.
    const float *factors;
    float *y;
    int64_t y_stride;
    const char *next;
    int64_t lines;
    bool adds;
} piece;

#define STEP(k)                                                                                \
    do {                                                                                       \
        v32h column[VECTORS];                                                                  \
        UNROLL for (int j = 0; j < vectors; j++)                                               \
            column[j] = *(const v32u *)(panel + HALVES * (vectors * (k) + j));                 \
        UNROLL for (int r = 0; r < rows; r++) {                                                \
            const uint32_t *from = r < 3 ? x + r * stride : low + (r - 3) * stride;            \
            __m512h factor = (__m512h)_mm512_set1_epi32((int)from[k]);                         \
            UNROLL for (int j = 0; j < vectors; j++)                                           \
                sum[r][j] = (v32h)_mm512_fmadd_ph(factor, (__m512h)column[j], (__m512h)sum[r][j]); \
        }                                                                                      \
        __asm__ volatile("" ::: "memory");                                                     \
    } while (0)

HALF_INLINE void multiply_block(const piece *s, int64_t row, int rows, int vectors) {
    int64_t stride = s->x_stride, k = s->depth;
    const uint32_t *x = s->x + row * stride, *low = x + 3 * stride;
    const _Float16 *panel = s->panel;
    v32h sum[ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < vectors; j++) sum[r][j] = (v32h)_mm512_setzero_si512();

    const char *next = s->next + row / ROWS * s->lines * 64, *end = next + (s->lines - 1) * 64;
    for (; k >= 4; k -= 4) {
        if (rows == ROWS && vectors == VECTORS) {
            __builtin_prefetch(next, 0, 2);
            if (next < end) next += 64;
        }
        __asm__("" : "+r"(x), "+r"(low), "+r"(panel));
        STEP(0);
        STEP(1);
        STEP(2);
        STEP(3);
        x += 4, low += 4, panel += 4 * HALVES * vectors;
    }
    for (; k > 0; k--, x++, low++, panel += HALVES * vectors) STEP(0);

    UNROLL for (int r = 0; r < rows; r++) {
        v16 factor = splat(s->factors[row + r]);
        UNROLL for (int j = 0; j < vectors; j++) {
            float *y = s->y + (row + r) * s->y_stride + HALVES * j;
            __m512i both = (__m512i)sum[r][j];
            v16 a = (v16)_mm512_cvtxph_ps((__m256h)_mm512_castsi512_si256(both));
            v16 b = (v16)_mm512_cvtxph_ps((__m256h)_mm512_extracti64x4_epi64(both, 1));
            store(y, s->adds ? load(y) + a * factor : a * factor);
            store(y + LANES, s->adds ? load(y + LANES) + b * factor : b * factor);
        }
    }
}
#undef STEP

#define BLOCK_OF(name, vectors)                                              \
    HALF static void name(const piece *s, int64_t row, int64_t rows) {       \
        switch (rows) {                                                      \
        case 5: multiply_block(s, row, 5, vectors); break;                   \
        case 4: multiply_block(s, row, 4, vectors); break;                   \
        case 3: multiply_block(s, row, 3, vectors); break;                   \
        case 2: multiply_block(s, row, 2, vectors); break;                   \
        case 1: multiply_block(s, row, 1, vectors); break;                   \
        }                                                                    \
    }
BLOCK_OF(block_of_1, 1)
BLOCK_OF(block_of_2, 2)
BLOCK_OF(block_of_3, 3)
BLOCK_OF(block_of_4, 4)
BLOCK_OF(block_of_5, 5)

HALF static void multiply_rows(const piece *s, int64_t row, int64_t rows, int64_t width) {
    switch (width / HALVES) {
    case 1: block_of_1(s, row, rows); break;
    case 2: block_of_2(s, row, rows); break;
    case 3: block_of_3(s, row, rows); break;
    case 4: block_of_4(s, row, rows); break;
    default: block_of_5(s, row, rows); break;
    }
}

// 2^n.
static float power(int32_t n) {
    int32_t bits = (n + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The exponent of the largest number of a row, within what its inverse can have.
HALF static int32_t largest_exponent(const float *x, int64_t count) {
    v16i top = {0};
    int32_t most = 0;
    int64_t k = 0;
    for (; k + LANES <= count; k += LANES)
        top = (v16i)_mm512_max_epi32((__m512i)top, (__m512i)((v16i)load(x + k) & 0x7fffffff));
    for (; k < count; k++) {
        int32_t bits;
        memcpy(&bits, x + k, sizeof bits);
        bits &= 0x7fffffff;
        if (bits > most) most = bits;
    }
    int32_t vectors = _mm512_reduce_max_epi32((__m512i)top);
    int32_t exponent = ((vectors > most ? vectors : most) >> 23) - 127;
    return exponent < -100 ? -100 : exponent > 120 ? 120 : exponent;
}

// Rows of x as halves, each twice, and what brings their products back.
HALF static void take_rows(const kernel_product *s, int64_t rows, int64_t first, int64_t depth,
                           uint32_t *to, float *factors) {
    for (int64_t r = 0; r < rows; r++, to += depth) {
        const float *x = s->x + r * s->x_stride + first;
        int32_t exponent = largest_exponent(x, depth);
        float factor = power(2 - exponent);
        factors[r] = power(exponent - 2) * s->scale;
        int64_t k = 0;
        for (; k + LANES <= depth; k += LANES) {
            __m256h halves = _mm512_cvtxps_ph((__m512)(load(x + k) * factor));
            v16w pairs = (v16w)_mm512_cvtepu16_epi32((__m256i)halves);
            *(v16w *)(to + k) = pairs | pairs << 16;
        }
        for (; k < depth; k++) {
            _Float16 half = (_Float16)(x[k] * factor);
            uint16_t bits;
            memcpy(&bits, &half, sizeof bits);
            to[k] = bits | (uint32_t)bits << 16;
        }
    }
}

// Bias, residual and activation of finished sums.
HALF static void finish(const kernel_product *s, int64_t row, int64_t count, int64_t width) {
    for (int64_t r = row; r < row + count; r++)
        for (int64_t c = 0; c < width; c += LANES) {
            int64_t at = r * s->y_stride + c;
            v16 value = load(s->y + at);
            if (s->bias) value += load(s->bias + c);
            if (s->added) value += load(s->added + at);
            if (s->after == 1) value = activate(value, 1);
            else if (s->after == 2) value = activate(value, 2);
            store(s->y + at, value);
        }
}

// The first panel, the first rows, and some of their columns, which lie in `x`.
HALF static void multiply_panel(const kernel_product *s, int64_t rows, int64_t from, int64_t to,
                                const uint32_t *x, const float *factors) {
    int64_t width = s->out_channels < HALF_PANEL ? s->out_channels : HALF_PANEL;
    int64_t pieces = (to - from + DEPTH - 1) / DEPTH, each = (to - from + pieces - 1) / pieces;
    int64_t blocks = (rows + ROWS - 1) / ROWS;
    for (int64_t k = from; k < to; k += each) {
        int64_t depth = to - k < each ? to - k : each;
        const _Float16 *packed = (const _Float16 *)s->packed + k * width;
        piece piece = {
            .x = x + (k - from),
            .x_stride = to - from,
            .depth = depth,
            .panel = packed,
            .factors = factors,
            .y = s->y,
            .y_stride = s->y_stride,
            .next = (const char *)(packed + depth * width),
            .lines = (depth * width * 2 / 64 + blocks - 1) / blocks,
            .adds = k > 0,
        };
        bool finishes = k + depth == s->in_channels && (s->bias || s->added || s->after);
        for (int64_t r = 0; r < rows; r += ROWS) {
            int64_t count = rows - r < ROWS ? rows - r : ROWS;
            multiply_rows(&piece, r, count, width);
            if (finishes) finish(s, r, count, width);
        }
    }
}

// Columns of x that go through together: all, or equal parts.
static int64_t block_depth(int64_t in) {
    int64_t parts = (in + BLOCK - 1) / BLOCK;
    return (in + parts - 1) / parts;
}

HALF void half_product_run(const kernel_product *s, int64_t first_row, int64_t last_row,
                           int64_t first_panel, int64_t last_panel) {
    int64_t in = s->in_channels, depth = block_depth(in);
    uint32_t *x = s->scratch;
    float *factors = (float *)(x + CHUNK * BLOCK);
    for (int64_t row = first_row; row < last_row; row += CHUNK) {
        int64_t rows = last_row - row < CHUNK ? last_row - row : CHUNK;
        for (int64_t k = 0; k < in; k += depth) {
            int64_t end = in - k < depth ? in : k + depth;
            kernel_product part = kernel_product_part(s, row, 0);
            take_rows(&part, rows, k, end - k, x, factors);
            for (int64_t p = first_panel; p < last_panel; p++) {
                part = kernel_product_part(s, row, p);
                multiply_panel(&part, rows, k, end, x, factors);
            }
        }
    }
}

HALF void half_product_gate(const kernel_product *s, int64_t first_row, int64_t last_row) {
    int64_t in = s->in_channels, panels = s->out_channels / (2 * HALF_PANEL);
    uint32_t *x = s->scratch;
    float *factors = (float *)(x + CHUNK * BLOCK), *both = factors + CHUNK;
    for (int64_t row = first_row; row < last_row; row += CHUNK) {
        int64_t rows = last_row - row < CHUNK ? last_row - row : CHUNK;
        kernel_product part = kernel_product_part(s, row, 0);
        take_rows(&part, rows, 0, in, x, factors);
        for (int64_t p = 0; p < panels; p++) {
            for (int half = 0; half < 2; half++) {
                part = kernel_product_part(s, row, p + half * panels);
                part.y = both + half * HALF_PANEL, part.y_stride = 2 * HALF_PANEL;
                multiply_panel(&part, rows, 0, in, x, factors);
            }
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < HALF_PANEL; c += LANES) {
                    const float *from = both + r * 2 * HALF_PANEL + c;
                    store(s->y + (row + r) * s->y_stride + p * HALF_PANEL + c,
                          load(from) * gelu(load(from + HALF_PANEL)));
                }
        }
    }
}
#else
void half_product_run(const kernel_product *s, int64_t a, int64_t b, int64_t c, int64_t d) {}
void half_product_gate(const kernel_product *s, int64_t a, int64_t b) {}
int64_t half_product_scratch(void) { return 0; }
#endif
