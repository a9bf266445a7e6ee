#include "Winograd.h"
#include "Vector.h"

// Features one by one: "arch=x86-64-v4" also says to prefer registers of 256 bits, at half the speed.
#define FEATURES "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq"
#define WIDE __attribute__((target(FEATURES)))
#define WIDE_INLINE static inline __attribute__((always_inline, target(FEATURES)))
#define UNROLL _Pragma("clang loop unroll(full)")

enum { SIDE = 4, PATCH = 6, PANEL = 64, ROWS = 6, DEPTH = 144 };

// Polynomials are evaluated at 0, ±A, ±B and infinity. These two lose fewer digits than 1 and 2, and
// all their powers are exact.
#define A 0.625f
#define B 1.5f

bool kernel_winograd_works(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

static int64_t across(int64_t extent) { return (extent + SIDE - 1) / SIDE; }
int64_t kernel_winograd_tiles(int64_t h, int64_t w) { return across(h) * across(w); }
// One line more, so that the frequencies of a tile do not fall into one set of the cache.
int64_t kernel_winograd_stride(int64_t tiles, int64_t channels) {
    return tiles * channels + LANES;
}
int64_t kernel_winograd_strip(const kernel_winograd *s) {
    return PATCH * (SIDE * across(s->w) + 2) * s->in_channels;
}
static int64_t panels(int64_t out_channels) { return (out_channels + PANEL - 1) / PANEL; }
int64_t kernel_winograd_units(int64_t out_channels) {
    return WINOGRAD_FREQUENCIES * panels(out_channels);
}

// Three weights as six values: the polynomial at each point over the product of its distances from
// the other points.
static void transform_weights(const float *w, int64_t step, float *u, int64_t out_step) {
    double w0 = w[0], w1 = w[step], w2 = w[2 * step];
    double a = A, b = B, near = 1 / (2 * a * a * (a * a - b * b)),
           far = 1 / (2 * b * b * (b * b - a * a));
    u[0] = (float)(w0 / (a * a * b * b));
    u[out_step] = (float)((w0 + a * w1 + a * a * w2) * near);
    u[2 * out_step] = (float)((w0 - a * w1 + a * a * w2) * near);
    u[3 * out_step] = (float)((w0 + b * w1 + b * b * w2) * far);
    u[4 * out_step] = (float)((w0 - b * w1 + b * b * w2) * far);
    u[5 * out_step] = (float)w2;
}

void kernel_winograd_weights(const float *weights, int64_t in_channels, int64_t out_channels,
                             int64_t first, int64_t last, float *packed) {
    for (int64_t p = 0; p < out_channels; p += PANEL) {
        int64_t width = out_channels - p < PANEL ? out_channels - p : PANEL;
        for (int64_t c = first; c < last; c++) {
            for (int64_t o = 0; o < width; o++) {
                const float *w = weights + ((p + o) * in_channels + c) * 9;
                float half[PATCH * 3], whole[PATCH * PATCH];
                for (int j = 0; j < 3; j++) transform_weights(w + j, 3, half + j, 3);
                for (int i = 0; i < PATCH; i++)
                    transform_weights(half + 3 * i, 1, whole + PATCH * i, 1);
                float *u = packed + p * in_channels + c * width + o;
                for (int f = 0; f < WINOGRAD_FREQUENCIES; f++)
                    u[f * in_channels * out_channels] = whole[f];
            }
        }
    }
}

#define TRANSFORM_ROW(kind)                                                                  \
    for (int64_t c = 0; c < channels; c += LANES)                                            \
        store(y + c, activate(load(x + c) * load(factors + c) + load(factors + channels + c), \
                              kind))

// One pixel through normalisation and activation.
WIDE_INLINE void read_pixel(const float *x, float *y, int64_t channels, const float *factors,
                            int before) {
    if (!factors) memcpy(y, x, (size_t)channels * sizeof(float));
    else if (before == 1) TRANSFORM_ROW(1);
    else if (before == 2) TRANSFORM_ROW(2);
    else TRANSFORM_ROW(0);
}

// The input of a row of tiles, `count` of them from column `left` of tiles: six rows with zeros
// where there is no image.
WIDE_INLINE void read_strip(const kernel_winograd *s, int64_t frame, int64_t top, int64_t left,
                            int64_t count, float *strip) {
    int64_t channels = s->in_channels, width = SIDE * count + 2, start = SIDE * left - 1;
    int64_t half = s->doubles ? 1 : 0, h = s->h >> half, w = s->w >> half;
    const float *x = s->x + frame * h * w * channels;
    const float *factors = s->factors ? s->factors + 2 * frame * channels : NULL;
    size_t pixel = (size_t)channels * sizeof(float);
    for (int64_t i = 0; i < PATCH; i++) {
        int64_t row = SIDE * top - 1 + i;
        float *to = strip + i * width * channels;
        if (row < 0 || row >= s->h) {
            memset(to, 0, (size_t)width * pixel);
            continue;
        }
        const float *from = x + (row >> half) * w * channels;
        for (int64_t j = 0; j < width; j++, to += channels) {
            int64_t column = start + j;
            if (column < 0 || column >= s->w) memset(to, 0, pixel);
            else if (half && (column & 1) && j > 0) memcpy(to, to - channels, pixel);
            else read_pixel(from + (column >> half) * channels, to, channels, factors, s->before);
        }
    }
}

#define INPUT_LINE(x0, x1, x2, x3, x4, x5, y)                        \
    do {                                                             \
        v16 i_e = (x4) - (B * B) * (x2), i_o = A * ((x3) - (B * B) * (x1)); \
        v16 i_f = (x4) - (A * A) * (x2), i_p = B * ((x3) - (A * A) * (x1)); \
        y(0, (x4) - (A * A + B * B) * (x2) + (A * A * B * B) * (x0)); \
        y(1, i_e + i_o);                                             \
        y(2, i_e - i_o);                                             \
        y(3, i_f + i_p);                                             \
        y(4, i_f - i_p);                                             \
        y(5, (x5) - (A * A + B * B) * (x3) + (A * A * B * B) * (x1)); \
    } while (0)

// Sixteen channels of a 6x6 patch.
WIDE_INLINE void input_patch(const float *x, int64_t row, int64_t pixel, float *v, int64_t stride) {
    v16 t[PATCH][PATCH];
    UNROLL for (int j = 0; j < PATCH; j++) {
        const float *c = x + j * pixel;
#define KEEP(i, value) t[i][j] = (value)
        INPUT_LINE(load(c), load(c + row), load(c + 2 * row), load(c + 3 * row), load(c + 4 * row),
                   load(c + 5 * row), KEEP);
#undef KEEP
    }
    UNROLL for (int i = 0; i < PATCH; i++) {
        float *to = v + PATCH * i * stride;
#define KEEP(j, value) store(to + j * stride, value)
        INPUT_LINE(t[i][0], t[i][1], t[i][2], t[i][3], t[i][4], t[i][5], KEEP);
#undef KEEP
    }
}

WIDE void kernel_winograd_input(const kernel_winograd *s, int64_t first, int64_t last, int64_t base,
                                float *v, int64_t stride, float *strip) {
    int64_t columns = across(s->w), rows = across(s->h), channels = s->in_channels;
    while (first < last) {
        int64_t left = first % columns, line = first / columns;
        int64_t count = columns - left < last - first ? columns - left : last - first;
        read_strip(s, line / rows, line % rows, left, count, strip);
        int64_t row = (SIDE * count + 2) * channels;
        for (int64_t t = 0; t < count; t++)
            for (int64_t c = 0; c < channels; c += LANES)
                input_patch(strip + SIDE * t * channels + c, row, channels,
                            v + (first + t - base) * channels + c, stride);
        first += count;
    }
}

// A few rows times one panel: sums stay in registers.
WIDE_INLINE void multiply_block(const float *a, int64_t a_stride, const float *b, int64_t depth,
                                float *y, int64_t y_stride, int rows, int vectors, bool adds) {
    v16 sum[ROWS][PANEL / LANES];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < vectors; j++)
            sum[r][j] = adds ? load(y + r * y_stride + LANES * j) : splat(0);
    for (int64_t k = 0; k < depth; k++, b += LANES * vectors) {
        v16 column[PANEL / LANES];
        UNROLL for (int j = 0; j < vectors; j++) column[j] = load(b + LANES * j);
        UNROLL for (int r = 0; r < rows; r++) {
            v16 factor = splat(a[r * a_stride + k]);
            UNROLL for (int j = 0; j < vectors; j++) sum[r][j] += factor * column[j];
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < vectors; j++) store(y + r * y_stride + LANES * j, sum[r][j]);
}

WIDE_INLINE void multiply_rows(const float *a, int64_t a_stride, const float *b, int64_t depth,
                               float *y, int64_t y_stride, int64_t rows, int vectors, bool adds) {
#define BLOCK(n) multiply_block(a, a_stride, b, depth, y, y_stride, n, vectors, adds)
    for (; rows >= ROWS; rows -= ROWS, a += ROWS * a_stride, y += ROWS * y_stride) BLOCK(ROWS);
    switch (rows) {
    case 5: BLOCK(5); break;
    case 4: BLOCK(4); break;
    case 3: BLOCK(3); break;
    case 2: BLOCK(2); break;
    case 1: BLOCK(1); break;
    }
#undef BLOCK
}

#define PANEL_OF(name, vectors)                                                              \
    WIDE static void name(const float *a, int64_t a_stride, const float *b, int64_t depth,   \
                          float *y, int64_t y_stride, int64_t rows, bool adds) {             \
        if (adds) multiply_rows(a, a_stride, b, depth, y, y_stride, rows, vectors, true);    \
        else multiply_rows(a, a_stride, b, depth, y, y_stride, rows, vectors, false);        \
    }
PANEL_OF(panel_of_1, 1)
PANEL_OF(panel_of_2, 2)
PANEL_OF(panel_of_3, 3)
PANEL_OF(panel_of_4, 4)

WIDE void kernel_winograd_multiply(const kernel_winograd *s, const float *packed, int64_t tiles,
                                   int64_t first, int64_t last, const float *v, int64_t v_stride,
                                   float *m, int64_t m_stride) {
    int64_t in = s->in_channels, out = s->out_channels, each = panels(out);
    // Even pieces of the depth, such that a piece of a panel stays in the first cache.
    int64_t pieces = (in + DEPTH - 1) / DEPTH, piece = (in + pieces - 1) / pieces;
    for (int64_t unit = first; unit < last; unit++) {
        int64_t f = unit / each, p = unit % each * PANEL;
        int64_t width = out - p < PANEL ? out - p : PANEL;
        const float *u = packed + f * in * out + p * in;
        for (int64_t k = 0; k < in; k += piece) {
            int64_t depth = in - k < piece ? in - k : piece;
            const float *a = v + f * v_stride + k, *b = u + k * width;
            float *y = m + f * m_stride + p;
            switch (width / LANES) {
            case 1: panel_of_1(a, in, b, depth, y, out, tiles, k > 0); break;
            case 2: panel_of_2(a, in, b, depth, y, out, tiles, k > 0); break;
            case 3: panel_of_3(a, in, b, depth, y, out, tiles, k > 0); break;
            default: panel_of_4(a, in, b, depth, y, out, tiles, k > 0); break;
            }
        }
    }
}

#define OUTPUT_LINE(m0, m1, m2, m3, m4, m5, y)                                  \
    do {                                                                        \
        v16 o_s = (m1) + (m2), o_d = (m1) - (m2), o_t = (m3) + (m4), o_e = (m3) - (m4); \
        y(0, (m0) + o_s + o_t);                                                 \
        y(1, A * o_d + B * o_e);                                                \
        y(2, (A * A) * o_s + (B * B) * o_t);                                    \
        y(3, (A * A * A) * o_d + (B * B * B) * o_e + (m5));                     \
    } while (0)

// Sixteen channels of a 4x4 tile, of which `down` rows and `right` columns are in the image.
WIDE_INLINE void output_tile(const kernel_winograd *s, const float *m, int64_t stride, int64_t at,
                             int64_t channel, int64_t down, int64_t right, int after) {
    v16 t[SIDE][PATCH];
    UNROLL for (int j = 0; j < PATCH; j++) {
        const float *c = m + j * stride;
        int64_t row = PATCH * stride;
#define KEEP(i, value) t[i][j] = (value)
        OUTPUT_LINE(load(c), load(c + row), load(c + 2 * row), load(c + 3 * row), load(c + 4 * row),
                    load(c + 5 * row), KEEP);
#undef KEEP
    }
    v16 bias = s->bias ? load(s->bias + channel) : splat(0);
    int64_t channels = s->out_channels;
    for (int64_t i = 0; i < down; i++) {
        v16 line[SIDE];
#define KEEP(j, value) line[j] = (value) + bias
        OUTPUT_LINE(t[i][0], t[i][1], t[i][2], t[i][3], t[i][4], t[i][5], KEEP);
#undef KEEP
        for (int64_t j = 0; j < right; j++) {
            int64_t to = at + (i * s->w + j) * channels;
            v16 value = s->added ? line[j] + load(s->added + to) : line[j];
            store(s->y + to, activate(value, after));
        }
    }
}

#define OUTPUT_TILES(after)                                                                    \
    for (int64_t tile = first; tile < last; tile++) {                                          \
        int64_t left = tile % columns * SIDE, line = tile / columns, top = line % rows * SIDE; \
        int64_t down = s->h - top < SIDE ? s->h - top : SIDE;                                  \
        int64_t right = s->w - left < SIDE ? s->w - left : SIDE;                               \
        int64_t at = ((line / rows * s->h + top) * s->w + left) * channels;                    \
        for (int64_t c = 0; c < channels; c += LANES)                                          \
            output_tile(s, m + (tile - base) * channels + c, stride, at + c, c, down, right,   \
                        after);                                                                \
    }

WIDE void kernel_winograd_output(const kernel_winograd *s, int64_t first, int64_t last,
                                 int64_t base, const float *m, int64_t stride) {
    int64_t columns = across(s->w), rows = across(s->h), channels = s->out_channels;
    switch (s->after) {
    case 1: OUTPUT_TILES(1); break;
    case 2: OUTPUT_TILES(2); break;
    default: OUTPUT_TILES(0); break;
    }
}
