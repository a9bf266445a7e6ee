#include "Pictures.h"

#include <string.h>

#include "Vector.h"

void picture_orient(const uint8_t *from, ptrdiff_t stride, int width, int height, uint8_t *to,
                    int swap, int flip_x, int flip_y) {
    int out_width = swap ? height : width, out_height = swap ? width : height;
    for (int y = 0; y < out_height; y++) {
        uint8_t *row = to + (size_t)y * out_width * 3;
        int v = flip_y ? out_height - 1 - y : y;
        if (!swap && !flip_x) {
            memcpy(row, from + v * stride, (size_t)width * 3);
            continue;
        }
        // A step to the right in `to` is `step` bytes in `from`.
        ptrdiff_t step = swap ? stride : 3;
        const uint8_t *p = swap ? from + (ptrdiff_t)v * 3 : from + v * stride;
        if (flip_x) {
            p += step * (out_width - 1);
            step = -step;
        }
        for (int x = 0; x < out_width; x++, p += step) {
            row[3 * x] = p[0];
            row[3 * x + 1] = p[1];
            row[3 * x + 2] = p[2];
        }
    }
}

void picture_pad(const uint8_t *from, int width, int height, uint8_t *to, ptrdiff_t stride,
                 int to_width, int to_height) {
    for (int y = 0; y < to_height; y++) {
        const uint8_t *source = from + (size_t)(y < height ? y : height - 1) * width * 3;
        uint8_t *row = to + y * stride;
        memcpy(row, source, (size_t)width * 3);
        for (int x = width; x < to_width; x++) memcpy(row + 3 * x, source + 3 * (width - 1), 3);
    }
}

void picture_halve(const uint8_t *from, int width, int height, uint8_t *to) {
    size_t stride = (size_t)width * 6;
    for (int y = 0; y < height; y++) {
        const uint8_t *upper = from + 2 * y * stride, *lower = upper + stride;
        for (int x = 0; x < width; x++, upper += 6, lower += 6, to += 3)
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)((upper[c] + upper[c + 3] + lower[c] + lower[c + 3] + 2) / 4);
    }
}

/// One row of chroma at full width, times 16: three quarters of the nearer row, one of the other.
INLINE void widen_chroma(const uint8_t *near, const uint8_t *far, int width, int is_centred,
                         int16_t *to) {
    int half = (width + 1) / 2;
#define MIXED(i) (3 * near[i] + far[i])
    if (is_centred) {
        to[0] = (int16_t)(4 * MIXED(0));
        for (int i = 0; i + 1 < half; i++) {
            int a = MIXED(i), b = MIXED(i + 1);
            to[2 * i + 1] = (int16_t)(3 * a + b);
            to[2 * i + 2] = (int16_t)(a + 3 * b);
        }
    } else {
        for (int i = 0; i + 1 < half; i++) {
            int a = MIXED(i), b = MIXED(i + 1);
            to[2 * i] = (int16_t)(4 * a);
            to[2 * i + 1] = (int16_t)(2 * a + 2 * b);
        }
        to[2 * half - 2] = (int16_t)(4 * MIXED(half - 1));
    }
    to[2 * half - 1] = (int16_t)(4 * MIXED(half - 1));
#undef MIXED
}

INLINE uint8_t clamped(int32_t value) {
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

CLONES void picture_from_yuv420(const uint8_t *y, ptrdiff_t y_stride, const uint8_t *u,
                                ptrdiff_t u_stride, const uint8_t *v, ptrdiff_t v_stride,
                                int width, int height, const picture_matrix *matrix,
                                int16_t *scratch, uint8_t *to) {
    const picture_matrix m = *matrix;
    int16_t *us = scratch, *vs = scratch + width + 2;
    int rows = (height + 1) / 2;
    for (int row = 0; row < height; row++) {
        int near = row / 2, far = row % 2 ? near + 1 : near - 1;
        far = far < 0 ? 0 : far >= rows ? rows - 1 : far;
        widen_chroma(u + near * u_stride, u + far * u_stride, width, m.is_centred, us);
        widen_chroma(v + near * v_stride, v + far * v_stride, width, m.is_centred, vs);
        const uint8_t *luma = y + row * y_stride;
        uint8_t *p = to + (size_t)row * width * 3;
        for (int x = 0; x < width; x++) {
            int32_t light = (luma[x] - m.black) * 16 * m.luma + (1 << 17);
            int32_t cu = us[x] - 2048, cv = vs[x] - 2048;
            p[3 * x] = clamped((light + m.red_v * cv) >> 18);
            p[3 * x + 1] = clamped((light + m.green_u * cu + m.green_v * cv) >> 18);
            p[3 * x + 2] = clamped((light + m.blue_u * cu) >> 18);
        }
    }
}

/// Luma of one row; adds its colours to the sums that chroma is made of.
INLINE void take_row(const uint8_t *from, int width, int to_width, const picture_weights *w,
                     int is_first, uint8_t *y, int16_t *red, int16_t *green, int16_t *blue) {
    for (int x = 0; x < width; x++) {
        int r = from[3 * x], g = from[3 * x + 1], b = from[3 * x + 2];
        y[x] = (uint8_t)(16 + ((w->luma[0] * r + w->luma[1] * g + w->luma[2] * b + 32768) >> 16));
        red[x] = (int16_t)(r + (is_first ? 0 : red[x]));
        green[x] = (int16_t)(g + (is_first ? 0 : green[x]));
        blue[x] = (int16_t)(b + (is_first ? 0 : blue[x]));
    }
    for (int x = width; x < to_width; x++) {
        y[x] = y[width - 1];
        red[x] = red[width - 1], green[x] = green[width - 1], blue[x] = blue[width - 1];
    }
}

CLONES void picture_to_yuv420(const uint8_t *from, int width, int height,
                              const picture_weights *weights, int to_width, int to_height,
                              int16_t *scratch, uint8_t *y, ptrdiff_t y_stride, uint8_t *u,
                              ptrdiff_t u_stride, uint8_t *v, ptrdiff_t v_stride) {
    const picture_weights w = *weights;
    // One number before each row of sums, so that the first column has a left neighbour.
    int16_t *red = scratch + 1, *green = red + to_width + 2, *blue = green + to_width + 2;
    for (int row = 0; row < to_height; row += 2) {
        for (int i = 0; i < 2; i++) {
            int source = row + i < height ? row + i : height - 1;
            take_row(from + (size_t)source * width * 3, width, to_width, &w, i == 0,
                     y + (row + i) * y_stride, red, green, blue);
        }
        red[-1] = red[0], green[-1] = green[0], blue[-1] = blue[0];
        uint8_t *to_u = u + row / 2 * u_stride, *to_v = v + row / 2 * v_stride;
        for (int i = 0; i < to_width / 2; i++) {
            // Weights 1 2 1 across and 1 1 down: eight in all.
            int x = 2 * i;
            int r = red[x - 1] + 2 * red[x] + red[x + 1];
            int g = green[x - 1] + 2 * green[x] + green[x + 1];
            int b = blue[x - 1] + 2 * blue[x] + blue[x + 1];
            int32_t half = 1 << 18;
            to_u[i] = (uint8_t)(128 + ((w.u[0] * r + w.u[1] * g + w.u[2] * b + half) >> 19));
            to_v[i] = (uint8_t)(128 + ((w.v[0] * r + w.v[1] * g + w.v[2] * b + half) >> 19));
        }
    }
}

/// The sum of the differences of bytes: of their squares, or of their magnitudes.
INLINE uint64_t difference_sum(const uint8_t *a, const uint8_t *b, size_t count, int is_squared) {
    uint64_t sum = 0;
    while (count > 0) {
        // 255 * 255 * 65536 is the most that 32 bits hold.
        size_t piece = count < 65536 ? count : 65536;
        uint32_t part = 0;
        for (size_t k = 0; k < piece; k++) {
            int32_t off = (int32_t)a[k] - (int32_t)b[k];
            part += (uint32_t)(is_squared ? off * off : off < 0 ? -off : off);
        }
        sum += part;
        a += piece;
        b += piece;
        count -= piece;
    }
    return sum;
}

CLONES uint64_t picture_squared_difference(const uint8_t *a, const uint8_t *b, size_t count) {
    return difference_sum(a, b, count, 1);
}

CLONES uint64_t picture_absolute_difference(const uint8_t *a, const uint8_t *b, size_t count) {
    return difference_sum(a, b, count, 0);
}
