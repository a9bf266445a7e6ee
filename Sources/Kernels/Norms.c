#include "Kernels.h"
#include "Vector.h"
#include <math.h>

CLONES void kernel_layer_norm(const float *x, float *y, int64_t rows, int64_t channels,
                              const float *gain, const float *bias, float eps) {
    int64_t whole = channels / LANES * LANES;
    for (int64_t r = 0; r < rows; r++, x += channels, y += channels) {
        v16 total = splat(0);
        float rest = 0;
        for (int64_t c = 0; c < whole; c += LANES) total += load(x + c);
        for (int64_t c = whole; c < channels; c++) rest += x[c];
        float mean = (sum_lanes(total) + rest) / (float)channels;
        total = splat(0);
        rest = 0;
        for (int64_t c = 0; c < whole; c += LANES) {
            v16 d = load(x + c) - mean;
            total += d * d;
        }
        for (int64_t c = whole; c < channels; c++) rest += (x[c] - mean) * (x[c] - mean);
        float factor = 1.0f / sqrtf((sum_lanes(total) + rest) / (float)channels + eps);
        if (gain && bias)
            for (int64_t c = 0; c < channels; c++)
                y[c] = (x[c] - mean) * factor * gain[c] + bias[c];
        else
            for (int64_t c = 0; c < channels; c++) y[c] = (x[c] - mean) * factor;
    }
}

// Adds a block of rows to the running mean and sum of squared deviations of every channel. The
// block is small enough to stay in the cache for the second look, so large means cost no digits.
INLINE void take_block(const float *x, int64_t rows, int64_t channels, double seen, double *mean,
                       double *squares) {
    for (int64_t c = 0; c < channels; c += LANES) {
        int64_t n = channels - c < LANES ? channels - c : LANES;
        v16 total = splat(0), deviation = splat(0);
        if (n == LANES) {
            for (int64_t r = 0; r < rows; r++) total += load(x + r * channels + c);
            total = total / (float)rows;
            for (int64_t r = 0; r < rows; r++) {
                v16 d = load(x + r * channels + c) - total;
                deviation += d * d;
            }
        } else {
            for (int64_t r = 0; r < rows; r++) total += load_some(x + r * channels + c, n);
            total = total / (float)rows;
            for (int64_t r = 0; r < rows; r++) {
                v16 d = load_some(x + r * channels + c, n) - total;
                deviation += d * d;
            }
        }
        for (int64_t i = 0; i < n; i++) {
            double step = (double)total[i] - mean[c + i], all = seen + (double)rows;
            squares[c + i] += (double)deviation[i] + step * step * seen * (double)rows / all;
            mean[c + i] += step * (double)rows / all;
        }
    }
}

CLONES void kernel_channel_statistics(const float *x, int64_t rows, int64_t channels,
                                      double *sums) {
    for (int64_t c = 0; c < 2 * channels; c++) sums[c] = 0;
    int64_t block = 16384 / channels;  // 64 KiB
    block = block < 1 ? 1 : block;
    for (int64_t r = 0; r < rows; r += block) {
        int64_t n = rows - r < block ? rows - r : block;
        take_block(x + r * channels, n, channels, (double)r, sums, sums + channels);
    }
}

// Statistics of later rows into those of the rows before them.
static void join(double *sums, double seen, const double *more, double rows, int64_t channels) {
    for (int64_t c = 0; c < channels; c++) {
        double step = more[c] - sums[c], all = seen + rows;
        sums[channels + c] += more[channels + c] + step * step * seen * rows / all;
        sums[c] += step * rows / all;
    }
}

void kernel_group_norm(double *sums, int64_t pieces, int64_t rows, int64_t channels, int64_t groups,
                       const float *gain, const float *bias, float eps, const float *offset,
                       float *factors) {
    for (int64_t p = 1; p < pieces; p++) {
        int64_t seen = rows * p / pieces;
        join(sums, (double)seen, sums + 2 * channels * p,
             (double)(rows * (p + 1) / pieces - seen), channels);
    }
    double *mean = sums, *squares = sums + channels;
    int64_t width = channels / groups;
    for (int64_t g = 0; g < groups; g++) {
        double group_mean = 0, group_squares = 0;
        for (int64_t c = g * width; c < (g + 1) * width; c++) {
            if (offset) mean[c] += (double)offset[c];
            group_mean += mean[c];
        }
        group_mean /= (double)width;
        for (int64_t c = g * width; c < (g + 1) * width; c++) {
            double d = mean[c] - group_mean;
            group_squares += squares[c] + d * d * (double)rows;
        }
        double variance = group_squares / (double)(width * rows);
        double factor = 1.0 / sqrt(variance + (double)eps);
        for (int64_t c = g * width; c < (g + 1) * width; c++) {
            double a = factor * (double)gain[c];
            double from = group_mean - (offset ? (double)offset[c] : 0);
            factors[c] = (float)a;
            factors[channels + c] = (float)((double)bias[c] - from * a);
        }
    }
}
