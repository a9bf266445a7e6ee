// The product of rows with panels, for AVX512.c, AVX2.c and Pairs.c.
#include "Variant.h"

// Six rows times a panel are 24 sums of 16 numbers in the registers of AVX-512, or 12 of 8 in those of
// AVX2: the processor then multiplies in every cycle. A piece of a panel, at most DEPTH rows of the
// matrix, stays in the first cache while all rows of a chunk meet it; meanwhile the next piece is
// fetched into the second, without which weights that come from memory cost a third of the speed. A
// chunk of rows takes little of the second cache, which a neighbour on the same core may share; of long
// rows it takes BLOCK columns at a time.
enum {
    ROWS = 6,
    MOST_VECTORS = 4,
    DEPTH = PANEL == LANES ? 256 : 128,
    BLOCK = 1280,
    CHUNK = 40 * 1024,
    LEAST_ROWS = 132,
};

// A piece of a panel, the rows it meets, and what is fetched meanwhile.
typedef struct {
    const float *x, *panel;
    int64_t x_stride, depth;
    float *y;
    /// What finished sums are added to, or null; it comes with the last piece.
    const float *added;
    /// Of both.
    int64_t y_stride;
    /// The next piece.
    const char *next;
    /// Lines of 64 bytes of it that are fetched during each block of rows.
    int64_t lines;
    bool adds;
} piece;

// One row of the panel. The compiler may not move loads from one to the next: it then runs out of
// registers and keeps sums in memory. Nor should it compute a pointer for each row of x, for which
// there are two.
#define STEP(k)                                                                          \
    do {                                                                                 \
        v16 column[MOST_VECTORS];                                                        \
        UNROLL for (int j = 0; j < vectors; j++)                                         \
            column[j] = load(panel + LANES * (vectors * (k) + j));                       \
        UNROLL for (int r = 0; r < rows; r++) {                                          \
            const float *from = r < ROWS / 2 ? x + r * stride : low + (r - ROWS / 2) * stride; \
            v16 factor = splat(from[k]);                                                 \
            UNROLL for (int j = 0; j < vectors; j++)                                     \
                sum[r][j] = MULTIPLY_ADD(sum[r][j], factor, column[j]);                  \
        }                                                                                \
        __asm__ volatile("" ::: "memory");                                               \
    } while (0)

VARIANT_INLINE void multiply_block(const piece *s, int64_t row, int rows, int vectors) {
    int64_t stride = s->x_stride, k = s->depth;
    const float *x = s->x + row * stride, *low = x + ROWS / 2 * stride, *panel = s->panel;
    float *y = s->y + row * s->y_stride;
    v16 sum[ROWS][MOST_VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < vectors; j++)
            sum[r][j] = s->adds ? load(y + r * s->y_stride + LANES * j) : splat(0);

    const char *next = s->next + row / ROWS * s->lines * 64, *end = next + (s->lines - 1) * 64;
    const float *ahead = s->added ? s->added + row * s->y_stride : y;
    for (; k >= 4; k -= 4) {
        if (rows == ROWS && vectors == PANEL / LANES) {
            __builtin_prefetch(next, 0, 2);
            if (next < end) next += 64;
            __builtin_prefetch(ahead, 1, 3);  // a row is a line, or four
            ahead += k & (PANEL / 4 - 4) ? LANES : s->y_stride - (PANEL - LANES);
        }
        __asm__("" : "+r"(x), "+r"(low), "+r"(panel));
        STEP(0);
        STEP(1);
        STEP(2);
        STEP(3);
        x += 4, low += 4, panel += 4 * LANES * vectors;
    }
    for (; k > 0; k--, x++, low++, panel += LANES * vectors) STEP(0);

    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < vectors; j++)
            store(y + r * s->y_stride + LANES * j, sum[r][j]);
}
#undef STEP

#define BLOCK_OF(name, vectors)                                              \
    VARIANT static void name(const piece *s, int64_t row, int64_t rows) {       \
        switch (rows) {                                                      \
        case 6: multiply_block(s, row, 6, vectors); break;                   \
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

VARIANT static void multiply_rows(const piece *s, int64_t row, int64_t rows, int64_t width) {
    if (PANEL == LANES) return block_of_1(s, row, rows);
    switch (width / LANES) {
    case 1: block_of_1(s, row, rows); break;
    case 2: block_of_2(s, row, rows); break;
    case 3: block_of_3(s, row, rows); break;
    default: block_of_4(s, row, rows); break;
    }
}

typedef uint16_t v16s __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint32_t v16w __attribute__((vector_size(64)));

VARIANT static void widen(const uint16_t *from, int64_t count, float *to) {
    for (int64_t i = 0; i < count; i += LANES) {
        v16w bits = __builtin_convertvector(*(const v16s *)(from + i), v16w) << 16;
        store(to + i, (v16)bits);
    }
}

#define FINISH(kind)                                                            \
    for (int64_t c = 0; c < width; c += LANES) {                                \
        v16 value = load(y + c);                                                \
        if (bias) value += load(bias + c);                                      \
        if (added) value += load(added + c);                                    \
        store(y + c, activate(value, kind));                                    \
    }

// Bias, residual and activation of finished sums.
VARIANT static void finish(const kernel_product *s, int64_t row, int64_t count, int64_t width) {
    const float *bias = s->bias;
    for (int64_t r = row; r < row + count; r++) {
        int64_t at = r * s->y_stride;
        float *y = s->y + at;
        const float *added = s->added ? s->added + at : NULL;
        switch (s->after) {
        case 1: FINISH(1); break;
        case 2: FINISH(2); break;
        default: FINISH(0); break;
        }
    }
}

// The first panel, the first rows, and some of their columns.
VARIANT static void multiply_panel(const kernel_product *s, int64_t rows, int64_t from, int64_t to) {
    int64_t width = s->out_channels < PANEL ? s->out_channels : PANEL;
    int64_t pieces = (to - from + DEPTH - 1) / DEPTH, each = (to - from + pieces - 1) / pieces;
    int64_t blocks = (rows + ROWS - 1) / ROWS, size = s->format == KERNEL_FLOAT ? 4 : 2;
    float widened[DEPTH * PANEL] __attribute__((aligned(64)));
    each = (each + 3) / 4 * 4;
    for (int64_t k = from; k < to; k += each) {
        int64_t depth = to - k < each ? to - k : each, bytes = depth * width * size;
        const char *packed = (const char *)s->packed + k * width * size;
        bool is_last = k + depth == s->in_channels;
        piece piece = {
            .x = s->x + k,
            .panel = s->format == KERNEL_BFLOAT ? widened : (const float *)packed,
            .x_stride = s->x_stride,
            .depth = depth,
            .y = s->y,
            .added = is_last ? s->added : NULL,
            .y_stride = s->y_stride,
            .next = packed + bytes,
            .lines = (bytes / 64 + blocks - 1) / blocks,
            .adds = k > 0,
        };
        if (s->format == KERNEL_BFLOAT) widen((const uint16_t *)packed, depth * width, widened);
        for (int64_t r = 0; r < rows; r += ROWS) {
            int64_t count = rows - r < ROWS ? rows - r : ROWS;
            multiply_rows(&piece, r, count, width);
            if (is_last && (s->bias || s->added || s->after))
                finish(s, r, count, width);
        }
    }
}

// Columns of x that go through together: all, or equal parts.
static int64_t block_depth(int64_t in) {
    int64_t parts = (in + BLOCK - 1) / BLOCK;
    return (in + parts - 1) / parts;
}

// Rows that go through together.
static int64_t chunk_rows(int64_t in) {
    int64_t chunk = CHUNK / block_depth(in) / ROWS * ROWS;
    return chunk < LEAST_ROWS ? LEAST_ROWS : chunk;
}

VARIANT static void product_run(const kernel_product *s, int64_t first_row, int64_t last_row,
                             int64_t first_panel, int64_t last_panel) {
    int64_t in = s->in_channels, depth = block_depth(in), chunk = chunk_rows(in);
    for (int64_t row = first_row; row < last_row; row += chunk) {
        int64_t rows = last_row - row < chunk ? last_row - row : chunk;
        for (int64_t k = 0; k < in; k += depth)
            for (int64_t p = first_panel; p < last_panel; p++) {
                kernel_product part = kernel_product_part(s, row, p);
                multiply_panel(&part, rows, k, in - k < depth ? in : k + depth);
            }
    }
}

VARIANT static void product_gate(const kernel_product *s, int64_t first_row, int64_t last_row) {
    int64_t in = s->in_channels, panels = s->out_channels / (2 * PANEL), depth = block_depth(in);
    float both[2][LEAST_ROWS * PANEL] __attribute__((aligned(64)));
    for (int64_t row = first_row; row < last_row; row += LEAST_ROWS) {
        int64_t rows = last_row - row < LEAST_ROWS ? last_row - row : LEAST_ROWS;
        for (int64_t p = 0; p < panels; p++) {
            for (int half = 0; half < 2; half++) {
                kernel_product part = kernel_product_part(s, row, p + half * panels);
                part.y = both[half], part.y_stride = PANEL;
                for (int64_t k = 0; k < in; k += depth)
                    multiply_panel(&part, rows, k, in - k < depth ? in : k + depth);
            }
            for (int64_t at = 0; at < rows * PANEL; at += LANES) {
                float *y = s->y + (row + at / PANEL) * s->y_stride + p * PANEL + at % PANEL;
                store(y, load(both[0] + at) * gelu(load(both[1] + at)));
            }
        }
    }
}
