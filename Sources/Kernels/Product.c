#include "Product.h"
#include "Wide.h"

// Six rows times 64 columns are 24 sums in registers: the processor then multiplies in every cycle.
// A piece of a panel, at most DEPTH rows of the matrix, stays in the first cache while all rows of a
// chunk meet it; meanwhile the next piece is fetched into the second, without which weights that come
// from memory cost a third of the speed. A chunk of rows stays in the second cache.
enum { ROWS = 6, DEPTH = 144, CHUNK = 320 * 1024, LEAST_ROWS = 96 };

bool kernel_product_works(void) { return has_wide_registers(); }

int64_t kernel_product_panels(int64_t out_channels) { return (out_channels + PANEL - 1) / PANEL; }

// To the nearest, ties to even; no number stays no number.
static uint16_t narrowed(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void kernel_product_put(float value, int64_t at, void *packed, bool is_bfloat) {
    if (is_bfloat) ((uint16_t *)packed)[at] = narrowed(value);
    else ((float *)packed)[at] = value;
}

void kernel_product_pack(const float *matrix, int64_t in_channels, int64_t out_channels,
                         int64_t first, int64_t last, void *packed, bool is_bfloat) {
    for (int64_t p = first * PANEL; p < last * PANEL && p < out_channels; p += PANEL) {
        int64_t width = out_channels - p < PANEL ? out_channels - p : PANEL;
        for (int64_t i = 0; i < in_channels; i++)
            for (int64_t o = 0; o < width; o++)
                kernel_product_put(matrix[(p + o) * in_channels + i],
                                   p * in_channels + i * width + o, packed, is_bfloat);
    }
}

// A piece of a panel, what is fetched meanwhile, and the rows it meets.
typedef struct {
    const float *x, *panel;
    int64_t x_stride, depth;
    float *y;
    int64_t y_stride;
    const char *next;
    /// Lines of 64 bytes fetched during each block of rows.
    int64_t lines;
    bool adds;
} piece;

WIDE_INLINE void multiply_block(const piece *s, int64_t row, int rows, int vectors) {
    const float *x = s->x + row * s->x_stride, *panel = s->panel;
    float *y = s->y + row * s->y_stride;
    const char *next = s->next + row / ROWS * s->lines * 64;
    v16 sum[ROWS][PANEL / LANES];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < vectors; j++)
            sum[r][j] = s->adds ? load(y + r * s->y_stride + LANES * j) : splat(0);
    int64_t k = 0, stride = s->x_stride;
#define STEP                                                                     \
    do {                                                                         \
        v16 column[PANEL / LANES];                                               \
        UNROLL for (int j = 0; j < vectors; j++) column[j] = load(panel + LANES * j); \
        UNROLL for (int r = 0; r < rows; r++) {                                  \
            v16 factor = splat(x[r * stride + k]);                               \
            UNROLL for (int j = 0; j < vectors; j++) sum[r][j] += factor * column[j]; \
        }                                                                        \
        panel += LANES * vectors;                                                \
    } while (0)
    for (; k < s->lines; k++, next += 64) {
        __builtin_prefetch(next, 0, 2);
        STEP;
    }
    for (; k < s->depth; k++) STEP;
#undef STEP
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < vectors; j++)
            store(y + r * s->y_stride + LANES * j, sum[r][j]);
}

#define PANEL_OF(name, vectors)                                           \
    WIDE static void name(const piece *s, int64_t rows) {                 \
        int64_t row = 0;                                                  \
        for (; row + ROWS <= rows; row += ROWS)                           \
            multiply_block(s, row, ROWS, vectors);                        \
        switch (rows - row) {                                             \
        case 5: multiply_block(s, row, 5, vectors); break;                \
        case 4: multiply_block(s, row, 4, vectors); break;                \
        case 3: multiply_block(s, row, 3, vectors); break;                \
        case 2: multiply_block(s, row, 2, vectors); break;                \
        case 1: multiply_block(s, row, 1, vectors); break;                \
        }                                                                 \
    }
PANEL_OF(panel_of_1, 1)
PANEL_OF(panel_of_2, 2)
PANEL_OF(panel_of_3, 3)
PANEL_OF(panel_of_4, 4)

WIDE static void multiply_piece(const piece *s, int64_t rows, int64_t width) {
    switch (width / LANES) {
    case 1: panel_of_1(s, rows); break;
    case 2: panel_of_2(s, rows); break;
    case 3: panel_of_3(s, rows); break;
    default: panel_of_4(s, rows); break;
    }
}

typedef uint16_t v16s __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint32_t v16w __attribute__((vector_size(64)));

WIDE static void widen(const uint16_t *from, int64_t count, float *to) {
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
WIDE static void finish(const kernel_product *s, int64_t row, int64_t count, int64_t column,
                        int64_t width) {
    const float *bias = s->bias ? s->bias + column : NULL;
    for (int64_t r = row; r < row + count; r++) {
        int64_t at = r * s->y_stride + column;
        float *y = s->y + at;
        const float *added = s->added ? s->added + at : NULL;
        switch (s->after) {
        case 1: FINISH(1); break;
        case 2: FINISH(2); break;
        default: FINISH(0); break;
        }
    }
}

// One panel and one chunk of rows.
WIDE static void multiply_panel(const kernel_product *s, int64_t row, int64_t rows, int64_t column) {
    int64_t in = s->in_channels, left = s->out_channels - column;
    int64_t width = left < PANEL ? left : PANEL;
    int64_t pieces = (in + DEPTH - 1) / DEPTH, each = (in + pieces - 1) / pieces;
    int64_t blocks = (rows + ROWS - 1) / ROWS, size = s->is_bfloat ? 2 : 4;
    float widened[DEPTH * PANEL] __attribute__((aligned(64)));
    for (int64_t k = 0; k < in; k += each) {
        int64_t depth = in - k < each ? in - k : each, bytes = depth * width * size;
        const char *packed = (const char *)s->packed + (column * in + k * width) * size;
        int64_t lines = (bytes / 64 + blocks - 1) / blocks;
        piece piece = {
            .x = s->x + row * s->x_stride + k,
            .panel = s->is_bfloat ? widened : (const float *)packed,
            .x_stride = s->x_stride,
            .depth = depth,
            .y = s->y + row * s->y_stride + column,
            .y_stride = s->y_stride,
            .next = packed + bytes,
            .lines = lines < depth ? lines : depth,
            .adds = k > 0,
        };
        if (s->is_bfloat) widen((const uint16_t *)packed, depth * width, widened);
        multiply_piece(&piece, rows, width);
    }
    if (s->bias || s->added || s->after) finish(s, row, rows, column, width);
}

WIDE void kernel_product_run(const kernel_product *s, int64_t first_row, int64_t last_row,
                             int64_t first_panel, int64_t last_panel) {
    int64_t chunk = CHUNK / s->in_channels / ROWS * ROWS;
    if (chunk < LEAST_ROWS) chunk = LEAST_ROWS;
    for (int64_t row = first_row; row < last_row; row += chunk) {
        int64_t rows = last_row - row < chunk ? last_row - row : chunk;
        for (int64_t p = first_panel; p < last_panel; p++)
            multiply_panel(s, row, rows, p * PANEL);
    }
}
