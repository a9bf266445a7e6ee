#include "AttentionRows.h"
#include "Variant.h"
#include <math.h>

// Sixteen queries sit in the lanes of a register, so maximum, exponential and sum over the keys need
// no work across lanes, and a head may be as narrow as four channels. Keys come in blocks that all
// groups of queries of a task use while they are in the nearest cache.
enum { GROUPS = 8, QUERIES = GROUPS * LANES, KEYS = 128 };

// The kernel for many queries, if there are so many and this processor has it.
static const kernel_variant *for_many(const kernel_attention_shape *s) {
    const kernel_variant *here = s->pairs ? kernel_variant_of_pairs() : kernel_variant_here();
    return here && here->attention_suits(s) ? here : NULL;
}

int64_t kernel_attention_scratch(const kernel_attention_shape *s) {
    if (for_many(s)) return for_many(s)->attention_scratch(s);
    int64_t d = s->head_dim;
    return 2 * QUERIES * d      // queries and results, each [group][channel][lane]
        + 2 * QUERIES           // maximum and sum
        + 2 * KEYS * LANES      // scores of two groups
        + 2 * KEYS * d          // keys and values, packed
        + LANES;
}

int64_t kernel_attention_tasks(const kernel_attention_shape *s, int64_t batches) {
    if (for_many(s)) return for_many(s)->attention_tasks(s, batches);
    return batches * s->heads * ((s->query_count + QUERIES - 1) / QUERIES);
}

// For `count` keys from the j-th on: scores[group][j][lane] = sum over c of q[group][c][lane] *
// k[j][c]. Both constants unrolled, the sums stay in registers.
#define SCORES(count)                                                                     \
    for (; j + count <= n; j += count) {                                                  \
        v16 acc[count][2];                                                                \
        _Pragma("clang loop unroll(full)")                                                \
        for (int i = 0; i < count; i++) acc[i][0] = acc[i][1] = splat(0);                 \
        const float *row = k + j * ks;                                                    \
        for (int64_t c = 0; c < d; c++) {                                                 \
            v16 x = load(q + c * LANES), y = wide ? load(q + (d + c) * LANES) : x;        \
            _Pragma("clang loop unroll(full)")                                            \
            for (int i = 0; i < count; i++) {                                             \
                v16 one = splat(row[i * ks + c]);                                         \
                acc[i][0] += x * one;                                                     \
                if (wide) acc[i][1] += y * one;                                           \
            }                                                                             \
        }                                                                                 \
        _Pragma("clang loop unroll(full)")                                                \
        for (int i = 0; i < count; i++) {                                                 \
            store(scores + (j + i) * LANES, acc[i][0]);                                   \
            if (wide) store(scores + (KEYS + j + i) * LANES, acc[i][1]);                  \
        }                                                                                 \
    }

// For `count` channels from the c-th on: result[group][c][lane] = result * shrink + sum over j of
// scores[group][j][lane] * v[j][c]. A block's sum is finished before it joins the result.
#define RESULTS(count)                                                                    \
    for (; c + count <= d; c += count) {                                                  \
        v16 acc[count][2];                                                                \
        _Pragma("clang loop unroll(full)")                                                \
        for (int i = 0; i < count; i++) acc[i][0] = acc[i][1] = splat(0);                 \
        for (int64_t j = 0; j < n; j++) {                                                 \
            v16 x = load(scores + j * LANES);                                             \
            v16 y = wide ? load(scores + (KEYS + j) * LANES) : x;                         \
            _Pragma("clang loop unroll(full)")                                            \
            for (int i = 0; i < count; i++) {                                             \
                v16 one = splat(v[j * vs + c + i]);                                       \
                acc[i][0] += x * one;                                                     \
                if (wide) acc[i][1] += y * one;                                           \
            }                                                                             \
        }                                                                                 \
        v16 f = load(shrink), g = load(shrink + LANES);                                   \
        _Pragma("clang loop unroll(full)")                                                \
        for (int i = 0; i < count; i++) {                                                 \
            float *y = result + (c + i) * LANES;                                          \
            store(y, load(y) * f + acc[i][0]);                                            \
            y += d * LANES;                                                               \
            if (wide) store(y, load(y) * g + acc[i][1]);                                  \
        }                                                                                 \
    }

// 2^x for x <= 0, to about one unit in the last place: 1.5 * 2^23 is added and taken away to round to
// an integer, whose bits are then at the bottom of the sum; the rest, at most a half, goes through the
// polynomial of degree 6 that is best there (relative error 2e-9 before rounding).
#define power_of_two(value)                                       \
    ({                                                            \
        v16 po_x = maximum((value), splat(-126.0f));              \
        v16 po_sum = po_x + 12582912.0f;                          \
        v16 po_r = po_x - (po_sum - 12582912.0f);                 \
        v16 po_p = po_r * 1.5353359e-4f + 1.3398876e-3f;          \
        po_p = po_p * po_r + 9.6184374e-3f;                       \
        po_p = po_p * po_r + 5.5503325e-2f;                       \
        po_p = po_p * po_r + 2.4022648e-1f;                       \
        po_p = po_p * po_r + 6.9314720e-1f;                       \
        po_p = po_p * po_r + 1.0f;                                \
        (v16)((v16i)po_p + ((v16i)po_sum << 23));                 \
    })

// Scores of one group, as powers of two, become weights under the new maximum; `shrink` is what earlier
// ones lose.
INLINE void weigh(float *scores, int64_t n, float *top_so_far, float *sum_so_far, float *shrink) {
    v16 before = load(top_so_far), top = before;
    for (int64_t j = 0; j < n; j++) top = maximum(top, load(scores + j * LANES));
    v16 total = splat(0), lost = power_of_two(before - top);
    for (int64_t j = 0; j < n; j++) {
        v16 e = power_of_two(load(scores + j * LANES) - top);
        store(scores + j * LANES, e);
        total += e;
    }
    store(top_so_far, top);
    store(sum_so_far, load(sum_so_far) * lost + total);
    store(shrink, lost);
}

// One group of queries, or two that share what is read of the keys, meets one block of keys.
INLINE void meet(const float *q, const float *k, int64_t ks, const float *v, int64_t vs, int64_t n,
                 int64_t d, float *scores, float *result, float *tops, float *sums, int wide) {
    float shrink[2 * LANES];
    int64_t j = 0, c = 0;
    SCORES(8)
    SCORES(1)
    weigh(scores, n, tops, sums, shrink);
    if (wide) weigh(scores + KEYS * LANES, n, tops + LANES, sums + LANES, shrink + LANES);
    RESULTS(8)
    RESULTS(4)
    RESULTS(1)
}

INLINE void attend(const kernel_attention_shape *s, int64_t task, float *scratch) {
    int64_t d = s->head_dim, blocks = (s->query_count + QUERIES - 1) / QUERIES;
    int64_t batch = task / (s->heads * blocks), head = task / blocks % s->heads;
    int64_t first = task % blocks * QUERIES;
    int64_t rows = s->query_count - first < QUERIES ? s->query_count - first : QUERIES;
    int64_t groups = (rows + LANES - 1) / LANES;
    float *queries = scratch, *results = queries + QUERIES * d, *tops = results + QUERIES * d;
    float *sums = tops + QUERIES, *scores = sums + QUERIES, *packed = scores + 2 * KEYS * LANES;

    const float *q = s->queries + batch * s->query_batch_stride + first * s->query_token_stride
        + head * d;
    for (int64_t g = 0; g < groups; g++) {
        int64_t n = rows - g * LANES < LANES ? rows - g * LANES : LANES;
        take_rows(q + g * LANES * s->query_token_stride, s->query_token_stride, n, d,
                  s->scale * LOG2_E, queries + g * LANES * d, LANES);
    }
    memset(results, 0, (size_t)(groups * LANES * d) * sizeof(float));
    for (int64_t i = 0; i < groups * LANES; i++) tops[i] = -INFINITY, sums[i] = 0;

    for (int64_t b = 0; b < s->bank_count; b++) {
        const kernel_bank *bank = &s->banks[b];
        for (int64_t at = 0; at < bank->count; at += KEYS) {
            int64_t n = bank->count - at < KEYS ? bank->count - at : KEYS;
            int64_t ks = bank->key_token_stride, vs = bank->value_token_stride;
            const float *k = bank->keys + batch * bank->key_batch_stride + at * ks + head * d;
            const float *v = bank->values + batch * bank->value_batch_stride + at * vs + head * d;
            if (groups > 1) {  // used again: rows far apart would push each other out of the cache
                for (int64_t j = 0; j < n; j++) {
                    memcpy(packed + j * d, k + j * ks, (size_t)d * sizeof(float));
                    memcpy(packed + (KEYS + j) * d, v + j * vs, (size_t)d * sizeof(float));
                }
                k = packed, v = packed + KEYS * d, ks = vs = d;
            }
            int64_t g = 0;
            for (; g + 2 <= groups; g += 2)
                meet(queries + g * LANES * d, k, ks, v, vs, n, d, scores, results + g * LANES * d,
                     tops + g * LANES, sums + g * LANES, 1);
            if (g < groups)
                meet(queries + g * LANES * d, k, ks, v, vs, n, d, scores, results + g * LANES * d,
                     tops + g * LANES, sums + g * LANES, 0);
        }
    }
    float *out = s->out + batch * s->out_batch_stride + first * s->out_token_stride + head * d;
    for (int64_t g = 0; g < groups; g++) {
        int64_t n = rows - g * LANES < LANES ? rows - g * LANES : LANES;
        store(sums + g * LANES, 1.0f / load(sums + g * LANES));
        give_rows(results + g * LANES * d, LANES, sums + g * LANES, n, d,
                  out + g * LANES * s->out_token_stride, s->out_token_stride);
    }
}

CLONES static void attend_all(const kernel_attention_shape *s, int64_t first, int64_t last,
                              float *scratch) {
    for (int64_t task = first; task < last; task++) attend(s, task, scratch);
}

void kernel_attention(const kernel_attention_shape *s, int64_t first, int64_t last,
                      float *scratch) {
    if (for_many(s)) for_many(s)->attention(s, first, last, scratch);
    else attend_all(s, first, last, scratch);
}
