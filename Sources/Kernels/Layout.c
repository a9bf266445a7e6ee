#include "Kernels.h"
#include "Vector.h"

void kernel_concat(const float *a, int64_t a_channels, const float *b, int64_t b_channels,
                   float *y, int64_t rows) {
    for (int64_t r = 0; r < rows; r++) {
        memcpy(y, a, (size_t)a_channels * sizeof(float));
        memcpy(y + a_channels, b, (size_t)b_channels * sizeof(float));
        a += a_channels, b += b_channels, y += a_channels + b_channels;
    }
}

CLONES void kernel_transpose(const float *x, float *y, int64_t rows, int64_t columns) {
    enum { TILE = 16 };  // a tile's reads and writes both stay in a few cache lines
    for (int64_t r = 0; r < rows; r += TILE) {
        int64_t r_end = r + TILE < rows ? r + TILE : rows;
        for (int64_t c = 0; c < columns; c += TILE) {
            int64_t c_end = c + TILE < columns ? c + TILE : columns;
            for (int64_t j = c; j < c_end; j++)
                for (int64_t i = r; i < r_end; i++) y[j * rows + i] = x[i * columns + j];
        }
    }
}

void kernel_widen(const float *x, int64_t channels, float *y, int64_t to, int64_t rows) {
    size_t kept = (size_t)channels * sizeof(float), rest = (size_t)(to - channels) * sizeof(float);
    for (int64_t r = 0; r < rows; r++, x += channels, y += to) {
        memcpy(y, x, kept);
        memset(y + channels, 0, rest);
    }
}

CLONES void kernel_max_pool2(const float *x, float *y, int64_t h, int64_t w, int64_t channels) {
    for (int64_t i = 0; i < h / 2; i++) {
        for (int64_t j = 0; j < w / 2; j++, y += channels) {
            const float *a = x + ((2 * i) * w + 2 * j) * channels, *b = a + w * channels;
            for (int64_t c = 0; c < channels; c++) {
                float top = a[c] > a[c + channels] ? a[c] : a[c + channels];
                float low = b[c] > b[c + channels] ? b[c] : b[c + channels];
                y[c] = top > low ? top : low;
            }
        }
    }
}

void kernel_double(const float *x, float *y, int64_t h, int64_t w, int64_t channels) {
    size_t pixel = (size_t)channels * sizeof(float);
    for (int64_t i = 0; i < h; i++) {
        float *row = y + 4 * i * w * channels;
        for (int64_t j = 0; j < w; j++) {
            memcpy(row + 2 * j * channels, x + (i * w + j) * channels, pixel);
            memcpy(row + (2 * j + 1) * channels, x + (i * w + j) * channels, pixel);
        }
        memcpy(row + 2 * w * channels, row, 2 * (size_t)w * pixel);
    }
}

CLONES void kernel_bilinear(const float *x, int64_t h, int64_t w, float *y, int64_t out_h,
                            int64_t out_w, int64_t channels, const int32_t *row,
                            const float *row_weight, const int32_t *column,
                            const float *column_weight) {
    for (int64_t i = 0; i < out_h; i++) {
        const float *top = x + row[i] * w * channels;
        const float *low = row[i] + 1 < h ? top + w * channels : top;
        float v1 = row_weight[i], v0 = 1.0f - v1;
        for (int64_t j = 0; j < out_w; j++, y += channels) {
            int64_t a = column[j] * channels;
            int64_t b = column[j] + 1 < w ? a + channels : a;
            float h1 = column_weight[j], h0 = 1.0f - h1;
            for (int64_t c = 0; c < channels; c++)
                y[c] = v0 * (h0 * top[a + c] + h1 * top[b + c]) +
                       v1 * (h0 * low[a + c] + h1 * low[b + c]);
        }
    }
}

CLONES void kernel_sample(const float *x, int64_t h, int64_t w, int64_t channels,
                          const picture_affine *map, float *y, int64_t out_h, int64_t out_w) {
    for (int64_t i = 0; i < out_h; i++) {
        for (int64_t j = 0; j < out_w; j++, y += channels) {
            float column = (float)j + 0.5f, row = (float)i + 0.5f;
            float u = map->xx * column + map->xy * row + map->x - 0.5f;
            float v = map->yx * column + map->yy * row + map->y - 0.5f;
            // What is no number is outside, too.
            if (!(u >= 0 && u <= (float)(w - 1) && v >= 0 && v <= (float)(h - 1))) {
                memset(y, 0, (size_t)channels * sizeof(float));
                continue;
            }
            int64_t left = (int64_t)u, top = (int64_t)v;
            int64_t right = left + 1 < w ? channels : 0, down = top + 1 < h ? w * channels : 0;
            const float *a = x + (top * w + left) * channels, *b = a + down;
            float h1 = u - (float)left, h0 = 1.0f - h1, v1 = v - (float)top, v0 = 1.0f - v1;
            for (int64_t c = 0; c < channels; c++)
                y[c] = v0 * (h0 * a[c] + h1 * a[c + right]) + v1 * (h0 * b[c] + h1 * b[c + right]);
        }
    }
}
