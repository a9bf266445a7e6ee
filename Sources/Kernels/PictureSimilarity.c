#include <math.h>

#include "Pictures.h"
#include "Vector.h"

enum { WINDOW = PICTURE_SIMILARITY_WINDOW, SUMS = 5 };

/// Luma less 128: variances are the same, and their squares are small enough for 32 bits.
INLINE void luma_row(const uint8_t *from, int width, float *to) {
    for (int x = 0; x < width; x++)
        to[x] = 0.299f * from[3 * x] + 0.587f * from[3 * x + 1] + 0.114f * from[3 * x + 2] - 128;
}

/// The window's weights along one axis; their sum is 1.
static void gaussian(float weights[WINDOW]) {
    double sum = 0, values[WINDOW];
    for (int k = 0; k < WINDOW; k++) {
        double off = k - WINDOW / 2;
        sum += values[k] = exp(-off * off / (2 * 1.5 * 1.5));
    }
    for (int k = 0; k < WINDOW; k++) weights[k] = (float)(values[k] / sum);
}

CLONES double picture_similarity(const uint8_t *a, const uint8_t *b, int width, int height, float *scratch) {
    float weights[WINDOW];
    gaussian(weights);
    const float c1 = 0.01f * 255 * 0.01f * 255, c2 = 0.03f * 255 * 0.03f * 255;
    int inner = width - WINDOW + 1;
    // Rows of a, b, a·a, b·b and a·b; of each the last eleven, filtered along x; then filtered along y.
    float *rows = scratch, *ring = rows + SUMS * width, *similarity = rows;
    double sum = 0;
    for (int y = 0; y < height; y++) {
        float *la = rows, *lb = rows + width;
        luma_row(a + (size_t)y * width * 3, width, la);
        luma_row(b + (size_t)y * width * 3, width, lb);
        for (int x = 0; x < width; x++) {
            rows[2 * width + x] = la[x] * la[x];
            rows[3 * width + x] = lb[x] * lb[x];
            rows[4 * width + x] = la[x] * lb[x];
        }
        for (int q = 0; q < SUMS; q++) {
            const float *from = rows + q * width;
            float *to = ring + (size_t)(q * WINDOW + y % WINDOW) * width;
            for (int x = 0; x < inner; x++) to[x] = 0;
            for (int k = 0; k < WINDOW; k++)
                for (int x = 0; x < inner; x++) to[x] += weights[k] * from[x + k];
        }
        if (y < WINDOW - 1) continue;
        for (int q = 0; q < SUMS; q++) {
            float *to = rows + q * width;
            for (int x = 0; x < inner; x++) to[x] = 0;
            for (int k = 0; k < WINDOW; k++) {
                const float *from = ring + (size_t)(q * WINDOW + (y + 1 + k) % WINDOW) * width;
                for (int x = 0; x < inner; x++) to[x] += weights[k] * from[x];
            }
        }
        const float *ma = rows, *mb = ma + width, *aa = mb + width, *bb = aa + width, *ab = bb + width;
        for (int x = 0; x < inner; x++) {
            float va = aa[x] - ma[x] * ma[x], vb = bb[x] - mb[x] * mb[x], cov = ab[x] - ma[x] * mb[x];
            float mean_a = ma[x] + 128, mean_b = mb[x] + 128;
            similarity[x] = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
                            / ((mean_a * mean_a + mean_b * mean_b + c1) * (va + vb + c2));
        }
        for (int x = 0; x < inner; x++) sum += similarity[x];
    }
    return sum / ((double)inner * (height - WINDOW + 1));
}
