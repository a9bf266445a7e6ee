#pragma once
#include "Kernels.h"
#include "Vector.h"

// What both kernels of attention share: rows of a matrix to lanes of registers and back.
#define LOG2_E 1.44269504088896341f

typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));

// y[c * step + lane] = scale * x[lane][c]; beyond `rows` lanes repeat the last row.
INLINE void take_rows(const float *x, int64_t stride, int64_t rows, int64_t d, float scale,
                      float *y, int64_t step) {
    int64_t c = 0;
    for (; rows == LANES && c + 4 <= d; c += 4) {
        v16 four[4];  // four rows of four channels each
        for (int i = 0; i < 4; i++) {
            float *piece = (float *)&four[i];
            for (int r = 0; r < 4; r++)
                *(v4 *)(piece + 4 * r) = *(const v4 *)(x + (4 * i + r) * stride + c);
        }
#define COLUMN(k)                                                                              \
    do {                                                                                       \
        v16 low = __builtin_shufflevector(four[0], four[1], k, 4 + k, 8 + k, 12 + k, 16 + k,   \
                                          20 + k, 24 + k, 28 + k, -1, -1, -1, -1, -1, -1, -1,  \
                                          -1);                                                 \
        v16 high = __builtin_shufflevector(four[2], four[3], k, 4 + k, 8 + k, 12 + k, 16 + k,  \
                                           20 + k, 24 + k, 28 + k, -1, -1, -1, -1, -1, -1, -1, \
                                           -1);                                                \
        v16 column = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18,    \
                                             19, 20, 21, 22, 23);                              \
        store(y + (c + k) * step, column * scale);                                            \
    } while (0)
        COLUMN(0);
        COLUMN(1);
        COLUMN(2);
        COLUMN(3);
#undef COLUMN
    }
    for (; c < d; c++)
        for (int64_t r = 0; r < LANES; r++)
            y[c * step + r] = scale * x[(r < rows ? r : rows - 1) * stride + c];
}

// y[lane][c] = x[c * step + lane] * factor[lane] for the first `rows` lanes.
INLINE void give_rows(const float *x, int64_t step, const float *factor, int64_t rows, int64_t d,
                      float *y, int64_t stride) {
    int64_t c = 0;
    v16 f = load(factor);
    for (; rows == LANES && c + 4 <= d; c += 4) {
        v16 a = load(x + c * step) * f, b = load(x + (c + 1) * step) * f;
        v16 e = load(x + (c + 2) * step) * f, g = load(x + (c + 3) * step) * f;
#define ROWS(i)                                                                                \
    do {                                                                                       \
        v16 ab = __builtin_shufflevector(a, b, 4 * i, 16 + 4 * i, 4 * i + 1, 17 + 4 * i,       \
                                         4 * i + 2, 18 + 4 * i, 4 * i + 3, 19 + 4 * i, -1, -1, \
                                         -1, -1, -1, -1, -1, -1);                              \
        v16 eg = __builtin_shufflevector(e, g, 4 * i, 16 + 4 * i, 4 * i + 1, 17 + 4 * i,       \
                                         4 * i + 2, 18 + 4 * i, 4 * i + 3, 19 + 4 * i, -1, -1, \
                                         -1, -1, -1, -1, -1, -1);                              \
        v16 four = __builtin_shufflevector(ab, eg, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21,   \
                                           6, 7, 22, 23);                                      \
        const float *piece = (const float *)&four;                                             \
        for (int r = 0; r < 4; r++)                                                            \
            *(v4 *)(y + (4 * i + r) * stride + c) = *(const v4 *)(piece + 4 * r);              \
    } while (0)
        ROWS(0);
        ROWS(1);
        ROWS(2);
        ROWS(3);
#undef ROWS
    }
    for (; c < d; c++)
        for (int64_t r = 0; r < rows; r++) y[r * stride + c] = x[c * step + r] * factor[r];
}
