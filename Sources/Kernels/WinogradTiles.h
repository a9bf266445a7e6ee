// Tiles to frequencies and back, for AVX512.c and AVX2.c.
#include "Variant.h"
#include "WinogradPoints.h"

#define TRANSFORM_ROW(kind)                                                                  \
    for (int64_t c = 0; c < channels; c += LANES)                                            \
        store(y + c, activate(load(x + c) * load(factors + c) + load(factors + channels + c), \
                              kind))

// One pixel through normalisation and activation.
VARIANT_INLINE void read_pixel(const float *x, float *y, int64_t channels, const float *factors,
                            int before) {
    if (!factors) memcpy(y, x, (size_t)channels * sizeof(float));
    else if (before == 1) TRANSFORM_ROW(1);
    else if (before == 2) TRANSFORM_ROW(2);
    else TRANSFORM_ROW(0);
}

// The input of a row of tiles, `count` of them from column `left` of tiles, with zeros where there is
// no image.
VARIANT_INLINE void read_strip(const kernel_winograd *s, int64_t frame, int64_t top, int64_t left,
                            int64_t count, float *strip, int side) {
    int64_t channels = s->in_channels, width = side * count + 2, start = side * left - 1;
    int64_t half = s->doubles ? 1 : 0, h = s->h >> half, w = s->w >> half;
    const float *x = s->x + frame * h * w * channels;
    const float *factors = s->factors ? s->factors + 2 * frame * channels : NULL;
    size_t pixel = (size_t)channels * sizeof(float);
    for (int64_t i = 0; i < side + 2; i++) {
        int64_t row = side * top - 1 + i;
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

#define SMALL_INPUT_LINE(x0, x1, x2, x3, y) \
    do {                                    \
        y(0, (x0) - (x2));                  \
        y(1, (x1) + (x2));                  \
        y(2, (x2) - (x1));                  \
        y(3, (x1) - (x3));                  \
    } while (0)

// Sixteen channels of a 6x6 patch.
VARIANT_INLINE void large_patch(const float *x, int64_t row, int64_t pixel, float *v, int64_t stride) {
    v16 t[6][6];
    UNROLL for (int j = 0; j < 6; j++) {
        const float *c = x + j * pixel;
#define KEEP(i, value) t[i][j] = (value)
        INPUT_LINE(load(c), load(c + row), load(c + 2 * row), load(c + 3 * row), load(c + 4 * row),
                   load(c + 5 * row), KEEP);
#undef KEEP
    }
    UNROLL for (int i = 0; i < 6; i++) {
        float *to = v + 6 * i * stride;
#define KEEP(j, value) store(to + j * stride, value)
        INPUT_LINE(t[i][0], t[i][1], t[i][2], t[i][3], t[i][4], t[i][5], KEEP);
#undef KEEP
    }
}

// Sixteen channels of a 4x4 patch.
VARIANT_INLINE void small_patch(const float *x, int64_t row, int64_t pixel, float *v, int64_t stride) {
    v16 t[4][4];
    UNROLL for (int j = 0; j < 4; j++) {
        const float *c = x + j * pixel;
#define KEEP(i, value) t[i][j] = (value)
        SMALL_INPUT_LINE(load(c), load(c + row), load(c + 2 * row), load(c + 3 * row), KEEP);
#undef KEEP
    }
    UNROLL for (int i = 0; i < 4; i++) {
        float *to = v + 4 * i * stride;
#define KEEP(j, value) store(to + j * stride, value)
        SMALL_INPUT_LINE(t[i][0], t[i][1], t[i][2], t[i][3], KEEP);
#undef KEEP
    }
}

VARIANT_INLINE void read_tiles(const kernel_winograd *s, int64_t first, int64_t last, int64_t base,
                            float *v, int64_t stride, float *strip, int side) {
    int64_t columns = tiles_across(s->w, side), rows = tiles_across(s->h, side), channels = s->in_channels;
    while (first < last) {
        int64_t left = first % columns, line = first / columns;
        int64_t count = columns - left < last - first ? columns - left : last - first;
        read_strip(s, line / rows, line % rows, left, count, strip, side);
        int64_t row = (side * count + 2) * channels;
        for (int64_t t = 0; t < count; t++)
            for (int64_t c = 0; c < channels; c += LANES) {
                const float *from = strip + side * t * channels + c;
                float *to = v + (first + t - base) * channels + c;
                if (side == LARGE) large_patch(from, row, channels, to, stride);
                else small_patch(from, row, channels, to, stride);
            }
        first += count;
    }
}

VARIANT static void winograd_input(const kernel_winograd *s, int64_t first, int64_t last, int64_t base,
                                float *v, int64_t stride, float *strip) {
    if (s->side == LARGE) read_tiles(s, first, last, base, v, stride, strip, LARGE);
    else read_tiles(s, first, last, base, v, stride, strip, SMALL);
}

#define OUTPUT_LINE(m0, m1, m2, m3, m4, m5, y)                                  \
    do {                                                                        \
        v16 o_s = (m1) + (m2), o_d = (m1) - (m2), o_t = (m3) + (m4), o_e = (m3) - (m4); \
        y(0, (m0) + o_s + o_t);                                                 \
        y(1, A * o_d + B * o_e);                                                \
        y(2, (A * A) * o_s + (B * B) * o_t);                                    \
        y(3, (A * A * A) * o_d + (B * B * B) * o_e + (m5));                     \
    } while (0)

#define SMALL_OUTPUT_LINE(m0, m1, m2, m3, y) \
    do {                                     \
        y(0, (m0) + (m1) + (m2));            \
        y(1, (m1) - (m2) - (m3));            \
    } while (0)

// Frequencies of sixteen channels to the results of a tile.
VARIANT_INLINE void bring_back(const float *m, int64_t stride, v16 o[LARGE][LARGE], int side) {
    int patch = side + 2;
    v16 t[LARGE][LARGEST_PATCH];
    int64_t row = patch * stride;
    UNROLL for (int j = 0; j < patch; j++) {
        const float *c = m + j * stride;
#define KEEP(i, value) t[i][j] = (value)
        if (side == LARGE)
            OUTPUT_LINE(load(c), load(c + row), load(c + 2 * row), load(c + 3 * row),
                        load(c + 4 * row), load(c + 5 * row), KEEP);
        else
            SMALL_OUTPUT_LINE(load(c), load(c + row), load(c + 2 * row), load(c + 3 * row), KEEP);
#undef KEEP
    }
    UNROLL for (int i = 0; i < side; i++) {
#define KEEP(j, value) o[i][j] = (value)
        if (side == LARGE)
            OUTPUT_LINE(t[i][0], t[i][1], t[i][2], t[i][3], t[i][4], t[i][5], KEEP);
        else SMALL_OUTPUT_LINE(t[i][0], t[i][1], t[i][2], t[i][3], KEEP);
#undef KEEP
    }
}

// Sixteen channels of a tile, of which `down` rows and `right` columns are in the image.
VARIANT_INLINE void output_tile(const kernel_winograd *s, const float *m, int64_t stride, int64_t at,
                             int64_t channel, int64_t down, int64_t right, int side, int after) {
    v16 o[LARGE][LARGE];
    bring_back(m, stride, o, side);
    v16 bias = s->bias ? load(s->bias + channel) : splat(0);
    for (int64_t i = 0; i < down; i++)
        for (int64_t j = 0; j < right; j++) {
            int64_t to = at + (i * s->w + j) * s->out_channels;
            v16 value = o[i][j] + bias;
            if (s->added) value += load(s->added + to);
            store(s->y + to, activate(value, after));
        }
}

VARIANT_INLINE void write_tiles(const kernel_winograd *s, int64_t first, int64_t last, int64_t base,
                             const float *m, int64_t stride, int side, int after) {
    int64_t columns = tiles_across(s->w, side), rows = tiles_across(s->h, side), channels = s->out_channels;
    for (int64_t tile = first; tile < last; tile++) {
        int64_t left = tile % columns * side, line = tile / columns, top = line % rows * side;
        int64_t down = s->h - top < side ? s->h - top : side;
        int64_t right = s->w - left < side ? s->w - left : side;
        int64_t at = ((line / rows * s->h + top) * s->w + left) * channels;
        for (int64_t c = 0; c < channels; c += LANES)
            output_tile(s, m + (tile - base) * channels + c, stride, at + c, c, down, right, side,
                        after);
    }
}

VARIANT static void winograd_output(const kernel_winograd *s, int64_t first, int64_t last,
                                 int64_t base, const float *m, int64_t stride) {
#define WRITE(side, after) write_tiles(s, first, last, base, m, stride, side, after)
    bool is_large = s->side == LARGE;
    switch (s->after) {
    case 1: is_large ? WRITE(LARGE, 1) : WRITE(SMALL, 1); break;
    case 2: is_large ? WRITE(LARGE, 2) : WRITE(SMALL, 2); break;
    default: is_large ? WRITE(LARGE, 0) : WRITE(SMALL, 0); break;
    }
#undef WRITE
}
