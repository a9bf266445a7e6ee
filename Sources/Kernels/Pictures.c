#include "Pictures.h"

#include <string.h>

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
