#include "Kernels.h"
#include "Vector.h"
#include <math.h>

// Queries are taken in blocks of QUERIES, keys in blocks of KEYS; the scores of one pair of blocks
// fit into the second-level cache. Keys are transposed and values padded once per block, so that
// both products run over whole registers: 4 queries by up to 64 columns are held in registers.
enum { QUERIES = 128, KEYS = 256, ROWS = 4, COLUMNS = 4 };

INLINE int64_t padded(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

int64_t kernel_attention_scratch(int64_t head_dim) {
    int64_t wide = padded(head_dim);
    return QUERIES * wide      // scaled queries
        + KEYS * wide          // keys, transposed
        + KEYS * wide          // values
        + QUERIES * KEYS       // scores
        + QUERIES * wide       // result
        + 2 * QUERIES + LANES; // running maximum and sum
}

int64_t kernel_attention_tasks(const kernel_attention_shape *s, int64_t batches) {
    return batches * s->heads * ((s->query_count + QUERIES - 1) / QUERIES);
}

// out[rows, columns * 16] (+)= a[rows, depth] * b[depth, columns * 16]: with constant `rows` and
// `columns` the sums live in registers.
INLINE void product(const float *a, int64_t a_stride, const float *b, int64_t b_stride, float *out,
                    int64_t out_stride, int64_t depth, int rows, int columns, int accumulate) {
    v16 acc[ROWS][COLUMNS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int c = 0; c < columns; c++)
            acc[r][c] = accumulate ? load(out + r * out_stride + c * LANES) : splat(0);
    for (int64_t k = 0; k < depth; k++) {
        v16 line[COLUMNS];
#pragma clang loop unroll(full)
        for (int c = 0; c < columns; c++) line[c] = load(b + k * b_stride + c * LANES);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            v16 x = splat(a[r * a_stride + k]);
#pragma clang loop unroll(full)
            for (int c = 0; c < columns; c++) acc[r][c] += x * line[c];
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int c = 0; c < columns; c++)
            store(out + r * out_stride + c * LANES, acc[r][c]);
}

INLINE void product_columns(const float *a, int64_t a_stride, const float *b, int64_t b_stride,
                            float *out, int64_t out_stride, int64_t depth, int64_t width, int rows,
                            int accumulate) {
    int64_t c = 0;
    for (; c + COLUMNS * LANES <= width; c += COLUMNS * LANES)
        product(a, a_stride, b + c, b_stride, out + c, out_stride, depth, rows, 4, accumulate);
    switch ((width - c) / LANES) {
    case 1: product(a, a_stride, b + c, b_stride, out + c, out_stride, depth, rows, 1, accumulate);
        break;
    case 2: product(a, a_stride, b + c, b_stride, out + c, out_stride, depth, rows, 2, accumulate);
        break;
    case 3: product(a, a_stride, b + c, b_stride, out + c, out_stride, depth, rows, 3, accumulate);
        break;
    }
}

INLINE void multiply(const float *a, int64_t a_stride, const float *b, int64_t b_stride, float *out,
                     int64_t out_stride, int64_t rows, int64_t depth, int64_t width,
                     int accumulate) {
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
        product_columns(a + r * a_stride, a_stride, b, b_stride, out + r * out_stride, out_stride,
                        depth, width, ROWS, accumulate);
    for (; r < rows; r++)
        product_columns(a + r * a_stride, a_stride, b, b_stride, out + r * out_stride, out_stride,
                        depth, width, 1, accumulate);
}

// Scores of one row become weights under the new maximum; returns what earlier weights shrink by.
INLINE float weigh(float *scores, int64_t count, float *maximum_so_far, float *sum_so_far) {
    int64_t width = padded(count);
    for (int64_t j = count; j < width; j++) scores[j] = -INFINITY;
    v16 top = load(scores);
    for (int64_t j = LANES; j < width; j += LANES) top = maximum(top, load(scores + j));
    float before = *maximum_so_far, now = largest_lane(top);
    now = now > before ? now : before;
    v16 total = splat(0);
    for (int64_t j = 0; j < width; j += LANES) {
        v16 e = exponential(load(scores + j) - now);
        store(scores + j, e);
        total += e;
    }
    for (int64_t j = count; j < width; j++) {  // e^-87 is not quite nothing
        total[j % LANES] -= scores[j];
        scores[j] = 0;
    }
    float shrink = before == now ? 1.0f : expf(before - now);
    *maximum_so_far = now;
    *sum_so_far = *sum_so_far * shrink + sum_lanes(total);
    return shrink;
}

INLINE void attend(const kernel_attention_shape *s, int64_t task, float *scratch) {
    int64_t d = s->head_dim, wide = padded(d);
    int64_t blocks = (s->query_count + QUERIES - 1) / QUERIES;
    int64_t batch = task / (s->heads * blocks), head = task / blocks % s->heads;
    int64_t first = task % blocks * QUERIES;
    int64_t rows = s->query_count - first < QUERIES ? s->query_count - first : QUERIES;
    float *queries = scratch, *keys = queries + QUERIES * wide, *values = keys + KEYS * wide;
    float *scores = values + KEYS * wide, *result = scores + QUERIES * KEYS;
    float *top = result + QUERIES * wide, *total = top + QUERIES;

    const float *q = s->queries + batch * s->query_batch_stride + first * s->query_token_stride
        + head * d;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < d; c++)
            queries[r * wide + c] = q[r * s->query_token_stride + c] * s->scale;
        for (int64_t c = 0; c < wide; c++) result[r * wide + c] = 0;
        top[r] = -INFINITY;
        total[r] = 0;
    }
    for (int64_t b = 0; b < s->bank_count; b++) {
        const kernel_bank *bank = &s->banks[b];
        for (int64_t at = 0; at < bank->count; at += KEYS) {
            int64_t n = bank->count - at < KEYS ? bank->count - at : KEYS, width = padded(n);
            const float *k = bank->keys + batch * bank->key_batch_stride
                + at * bank->key_token_stride + head * d;
            const float *v = bank->values + batch * bank->value_batch_stride
                + at * bank->value_token_stride + head * d;
            for (int64_t j0 = 0; j0 < width; j0 += LANES)
                for (int64_t c = 0; c < d; c++)
                    for (int64_t j = j0; j < j0 + LANES; j++)
                        keys[c * KEYS + j] = j < n ? k[j * bank->key_token_stride + c] : 0;
            for (int64_t j = 0; j < n; j++) {
                memcpy(values + j * wide, v + j * bank->value_token_stride,
                       (size_t)d * sizeof(float));
                for (int64_t c = d; c < wide; c++) values[j * wide + c] = 0;
            }
            multiply(queries, wide, keys, KEYS, scores, KEYS, rows, d, width, 0);
            for (int64_t r = 0; r < rows; r++) {
                float shrink = weigh(scores + r * KEYS, n, top + r, total + r);
                if (shrink != 1.0f)
                    for (int64_t c = 0; c < wide; c++) result[r * wide + c] *= shrink;
            }
            multiply(scores, KEYS, values, wide, result, wide, rows, n, wide, 1);
        }
    }
    float *out = s->out + batch * s->out_batch_stride + first * s->out_token_stride + head * d;
    for (int64_t r = 0; r < rows; r++) {
        float factor = 1.0f / total[r];
        for (int64_t c = 0; c < d; c++)
            out[r * s->out_token_stride + c] = result[r * wide + c] * factor;
    }
}

CLONES void kernel_attention(const kernel_attention_shape *s, int64_t first, int64_t last,
                             float *scratch) {
    for (int64_t task = first; task < last; task++) attend(s, task, scratch);
}
