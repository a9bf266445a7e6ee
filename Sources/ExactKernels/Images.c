#include "ExactKernels.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Weights are 22-bit fractions, so that a sum of 8-bit pixels times weights fits 32 bits.
#define FRACTION_BITS 22

static double lanczos(double x) {
    if (!(x >= -3.0 && x < 3.0)) return 0.0;
    if (x == 0.0) return 1.0;
    double a = x * M_PI, b = x / 3.0 * M_PI;
    return sin(a) / a * (sin(b) / b);
}

static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

// For each output position along one axis: where its inputs start, how many there are, their weights.
typedef struct {
    int *first, *length, *weights, taps;
} axis;

static void axis_free(axis *a) {
    free(a->first);
    free(a->length);
    free(a->weights);
}

static int axis_make(axis *a, int in, exact_span span, exact_filter filter) {
    int out = span.count;
    double scale = (double)in / span.size, wide = scale > 1.0 ? scale : 1.0, inverse = 1.0 / wide;
    double support = (filter == EXACT_LANCZOS ? 3.0 : 2.0) * wide;
    a->taps = (int)ceil(support) * 2 + 1;
    a->first = calloc((size_t)out, sizeof(int));
    a->length = calloc((size_t)out, sizeof(int));
    a->weights = calloc((size_t)out * (size_t)a->taps, sizeof(int));
    double *raw = calloc((size_t)a->taps, sizeof(double));
    if (!a->first || !a->length || !a->weights || !raw) {
        free(raw);
        return -1;
    }
    for (int o = 0; o < out; o++) {
        double centre = (span.first + o + 0.5) * scale, sum = 0;
        int first = (int)(centre - support + 0.5), last = (int)(centre + support + 0.5);
        if (first < 0) first = 0;
        if (last > in) last = in;
        for (int k = 0; k < last - first; k++) {
            double x = (k + first - centre + 0.5) * inverse;
            raw[k] = filter == EXACT_LANCZOS ? lanczos(x) : bicubic(x);
            sum += raw[k];
        }
        for (int k = 0; k < last - first; k++) {
            double weight = sum != 0 ? raw[k] / sum : raw[k];
            weight *= 1 << FRACTION_BITS;
            a->weights[o * a->taps + k] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
        }
        a->first[o] = first;
        a->length[o] = last - first;
    }
    free(raw);
    return 0;
}

static uint8_t pixel(int32_t sum) {
    int32_t value = sum >> FRACTION_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void along_rows(const uint8_t *in, int height, int width, const axis *a, uint8_t *out,
                       int out_width) {
    for (int y = 0; y < height; y++, in += (size_t)width * 3)
        for (int x = 0; x < out_width; x++, out += 3) {
            const int *weights = a->weights + x * a->taps;
            const uint8_t *from = in + (size_t)a->first[x] * 3;
            int32_t sum[3] = {1 << 21, 1 << 21, 1 << 21};
            for (int k = 0; k < a->length[x]; k++, from += 3)
                for (int c = 0; c < 3; c++) sum[c] += weights[k] * from[c];
            for (int c = 0; c < 3; c++) out[c] = pixel(sum[c]);
        }
}

static int along_columns(const uint8_t *in, int width, const axis *a, uint8_t *out,
                         int out_height) {
    size_t row = (size_t)width * 3;
    int32_t *sums = malloc(row * sizeof(int32_t));
    if (!sums) return -1;
    for (int y = 0; y < out_height; y++, out += row) {
        for (size_t x = 0; x < row; x++) sums[x] = 1 << 21;
        for (int k = 0; k < a->length[y]; k++) {
            int32_t weight = a->weights[y * a->taps + k];
            const uint8_t *from = in + (size_t)(a->first[y] + k) * row;
            for (size_t x = 0; x < row; x++) sums[x] += weight * from[x];
        }
        for (size_t x = 0; x < row; x++) out[x] = pixel(sums[x]);
    }
    free(sums);
    return 0;
}

// One axis of one picture; `along_height` says which.
static int pass(const uint8_t *in, int height, int width, uint8_t *out, exact_span span,
                int along_height, exact_filter filter) {
    axis a = {0};
    int failed = axis_make(&a, along_height ? height : width, span, filter);
    if (!failed && along_height) failed = along_columns(in, width, &a, out, span.count);
    if (!failed && !along_height) along_rows(in, height, width, &a, out, span.count);
    axis_free(&a);
    return failed;
}

int exact_resample(const uint8_t *in, int height, int width, uint8_t *out, exact_span rows,
                   exact_span columns, exact_filter filter) {
    // The order decides which rounding comes first. Since version 13 Pillow goes along the width
    // first unless the height loses more than twice what the width loses (600 random pairs of
    // sizes give its bits). An axis that keeps its size has weights of 1, which change nothing.
    int rows_first = height > rows.size && height - rows.size > 2 * (width - columns.size);
    size_t pixels = rows_first ? (size_t)rows.count * (size_t)width
                               : (size_t)height * (size_t)columns.count;
    uint8_t *between = malloc(pixels * 3);
    if (!between) return -1;
    int failed;
    if (rows_first) {
        failed = pass(in, height, width, between, rows, 1, filter) ||
                 pass(between, rows.count, width, out, columns, 0, filter);
    } else {
        failed = pass(in, height, width, between, columns, 0, filter) ||
                 pass(between, height, columns.count, out, rows, 1, filter);
    }
    free(between);
    return failed ? -1 : 0;
}

// Calls `body` for every part of a pixel that is in a disc and on the canvas.
#define FOR_EACH_DISC_PIXEL(body)                                                              \
    for (int k = 0; k < count; k++) {                                                          \
        for (int dy = -radius; dy <= radius; dy++) {                                           \
            for (int dx = -radius; dx <= radius; dx++) {                                       \
                int64_t x = (int64_t)points[2 * k] + dx, y = (int64_t)points[2 * k + 1] + dy;  \
                if (dx * dx + dy * dy > radius * radius || x < 0 || y < 0 || x >= parts ||     \
                    y >= parts)                                                                \
                    continue;                                                                  \
                size_t row = (size_t)(y / finer), column = (size_t)(x / finer);                \
                float *at = canvas + (row * (size_t)size + column) * 3;                        \
                body                                                                           \
            }                                                                                  \
        }                                                                                      \
    }

void exact_draw_discs(const int32_t *points, const float *colours, int count, int size,
                      int finer, float *canvas) {
    const int radius = 4 * finer;
    const int64_t parts = (int64_t)size * finer;
    const float share = 1.0f / (float)(finer * finer);
    memset(canvas, 0, (size_t)size * (size_t)size * 3 * sizeof(float));
    FOR_EACH_DISC_PIXEL({ for (int c = 0; c < 3; c++) at[c] += colours[3 * k + c] * share; })
    FOR_EACH_DISC_PIXEL({ for (int c = 0; c < 3; c++) at[c] = at[c] > 1 ? 1 : at[c]; })
}
