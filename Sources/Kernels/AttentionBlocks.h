// Attention of many queries, for AVX512.c, AVX2.c and Pairs.c, which say what `power_of_two` is: 2^x to about
// one unit in the last place, or more than LIMIT where x is large.
#include "AttentionRows.h"
#include "Variant.h"
#include <immintrin.h>
#include <math.h>

// A panel of queries sits in the lanes of registers, six keys at a time: 24 sums with AVX-512, 12 with
// AVX2, which become weights before they leave the registers. Then it meets five channels of the values:
// 20 sums, or 10. Keys come in blocks that all groups of queries of a task use while they are in the
// second cache.
//
// Weights are powers of two over a reference of each query: what its largest score with the first few
// keys was. It is raised only when a weight comes near what a number can hold, so that the largest
// score need not be looked for.
enum {
    WIDTH = PANEL,
    VECTORS = WIDTH / LANES,
    MOST_GROUPS = 1024 / WIDTH,
    TASK_FLOATS = 80 * 1024,
    KEYS = 96,
    KEY_ROWS = 6,
    CHANNEL_ROWS = 5,
};
static const float LIMIT = 0x1p64f;

// Steps in which MULTIPLY_ADD goes through n numbers.
static int64_t steps(int64_t n) { return PAIRS ? (n + 1) / 2 : n; }

static bool attention_suits(const kernel_attention_shape *s) { return s->query_count > WIDTH / 2; }

// Queries of a task: the fewer, the wider a head, so that they and their results stay in the cache.
static int64_t task_queries(const kernel_attention_shape *s) {
    int64_t groups = TASK_FLOATS / (WIDTH * s->head_dim);
    return WIDTH * (groups < 1 ? 1 : groups > MOST_GROUPS ? MOST_GROUPS : groups);
}

static int64_t query_blocks(const kernel_attention_shape *s) {
    return (s->query_count + task_queries(s) - 1) / task_queries(s);
}

static int64_t attention_tasks(const kernel_attention_shape *s, int64_t batches) {
    return batches * s->heads * query_blocks(s);
}

static int64_t attention_scratch(const kernel_attention_shape *s) {
    int64_t d = s->head_dim, queries = task_queries(s);
    return 2 * queries * d    // queries and results, each [group][channel][lane]
        + 2 * queries         // reference and sum
        + KEYS * WIDTH        // weights [key][lane], or scores
        + 2 * KEYS * d;       // keys and values
}

// One channel: queries times keys, or one key: values times weights. As in ProductRows.h, loads stay where
// they are.
#define MULTIPLY(rows, step, offset)                                                         \
    do {                                                                                     \
        v16 column[VECTORS];                                                                 \
        UNROLL for (int j = 0; j < VECTORS; j++)                                             \
            column[j] = load(panel + WIDTH * (offset) + LANES * j);                          \
        UNROLL for (int r = 0; r < (rows); r++) {                                            \
            v16 factor = splat(AT(r, offset));                                               \
            UNROLL for (int j = 0; j < VECTORS; j++)                                         \
                sum[r][j] = MULTIPLY_ADD(sum[r][j], factor, column[j]);                      \
        }                                                                                    \
        __asm__ volatile("" ::: "memory");                                                   \
    } while (0)

// Scores of some keys, less the reference; as weights, which are also added to `sums`, or as they are.
VARIANT_INLINE void meet_keys(const float *panel, const float *keys, int64_t d, const float *reference,
                           float *weights, float *sums, int rows, bool weighs) {
    const float *low = keys + KEY_ROWS / 2 * d;
    v16 sum[KEY_ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < VECTORS; j++) sum[r][j] = splat(0);
    int64_t c = d;
#define AT(r, offset) \
    ((r) < KEY_ROWS / 2 ? keys[(r) * d + (offset)] : low[((r) - KEY_ROWS / 2) * d + (offset)])
    for (; c >= 4; c -= 4) {
        __asm__("" : "+r"(keys), "+r"(low), "+r"(panel));
        MULTIPLY(rows, d, 0);
        MULTIPLY(rows, d, 1);
        MULTIPLY(rows, d, 2);
        MULTIPLY(rows, d, 3);
        keys += 4, low += 4, panel += 4 * WIDTH;
    }
    for (; c > 0; c--, keys++, low++, panel += WIDTH) MULTIPLY(rows, d, 0);
#undef AT
    UNROLL for (int j = 0; j < VECTORS; j++) {
        v16 total = weighs ? load(sums + LANES * j) : splat(0);
        v16 less = weighs ? load(reference + LANES * j) : splat(0);
        UNROLL for (int r = 0; r < rows; r++) {
            if (weighs) sum[r][j] = power_of_two(sum[r][j] - less);
            total += sum[r][j];
            if (!(PAIRS && weighs)) store(weights + r * WIDTH + LANES * j, sum[r][j]);
        }
#if PAIRS
        UNROLL for (int r = 0; weighs && r < rows; r += 2) {
            v16 next = r + 1 < rows ? sum[r + 1][j] : splat(0);
            store(weights + r / 2 * WIDTH + LANES * j, pair(sum[r][j], next));
        }
#endif
        if (weighs) store(sums + LANES * j, total);
    }
}

#define MEET_KEYS(name, weighs)                                                              \
    VARIANT static void name(const float *q, const float *keys, int64_t n, int64_t d,           \
                          const float *reference, float *weights, float *sums) {             \
        int64_t j = 0, each = steps(d);                                                      \
        for (; j + 6 <= n; j += 6) MEET_SOME(6, weighs);                                     \
        for (; j + 2 <= n; j += 2) MEET_SOME(2, weighs);                                     \
        for (; j < n; j++) MEET_SOME(1, weighs);                                             \
    }
#define MEET_SOME(count, weighs)                                                             \
    meet_keys(q, keys + j * each, each, reference,                                           \
              weights + (weighs ? steps(j) : j) * WIDTH, sums, count, weighs)
MEET_KEYS(weigh_keys, true)
MEET_KEYS(score_keys, false)
#undef MEET_SOME

// Some channels of the results get the weighted values of a block of keys, whose sum is finished before
// it joins them.
VARIANT_INLINE void meet_values(const float *panel, const float *values, int64_t n, int64_t d,
                             float *results, int rows) {
    v16 sum[CHANNEL_ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < VECTORS; j++) sum[r][j] = splat(0);
#define AT(r, offset) values[(offset) * d + (r)]
    for (; n >= 2; n -= 2) {
        __asm__("" : "+r"(values), "+r"(panel));
        MULTIPLY(rows, d, 0);
        MULTIPLY(rows, d, 1);
        values += 2 * d, panel += 2 * WIDTH;
    }
    if (n > 0) MULTIPLY(rows, d, 0);
#undef AT
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < VECTORS; j++)
            store(results + r * WIDTH + LANES * j,
                  load(results + r * WIDTH + LANES * j) + sum[r][j]);
}

VARIANT static void add_values(const float *weights, const float *values, int64_t n, int64_t d,
                            float *results) {
    int64_t c = 0;
    for (; c + 5 <= d; c += 5)
        meet_values(weights, values + c, steps(n), d, results + c * WIDTH, 5);
    for (; c + 2 <= d; c += 2)
        meet_values(weights, values + c, steps(n), d, results + c * WIDTH, 2);
    for (; c < d; c++)
        meet_values(weights, values + c, steps(n), d, results + c * WIDTH, 1);
}

// The largest score of each query with n keys becomes its reference, if it is larger; what was summed
// before shrinks accordingly.
VARIANT static void raise_reference(const float *q, const float *keys, int64_t n, int64_t d,
                                 float *reference, float *weights, float *sums, float *results) {
    score_keys(q, keys, n, d, reference, weights, sums);
    for (int j = 0; j < WIDTH; j += LANES) {
        v16 before = load(reference + j), top = before;
        for (int64_t k = 0; k < n; k++) top = maximum(top, load(weights + k * WIDTH + j));
        v16 shrink = power_of_two(before - top);
        store(reference + j, top);
        store(sums + j, load(sums + j) * shrink);
        for (int64_t c = 0; c < d; c++)
            store(results + c * WIDTH + j, load(results + c * WIDTH + j) * shrink);
    }
}

// One group of queries meets one block of keys.
VARIANT static void meet_block(const float *q, const float *keys, const float *values, int64_t n,
                            int64_t d, float *reference, float *weights, float *sums,
                            float *results) {
    float block[WIDTH] = {0};
    weigh_keys(q, keys, n, d, reference, weights, block);
    bool fits = true;
    for (int j = 0; j < WIDTH; j++) fits &= block[j] < LIMIT;
    if (!fits) {
        raise_reference(q, keys, n, d, reference, weights, sums, results);
        memset(block, 0, sizeof block);
        weigh_keys(q, keys, n, d, reference, weights, block);
    }
    for (int j = 0; j < WIDTH; j += LANES) store(sums + j, load(sums + j) + load(block + j));
    add_values(weights, values, n, d, results);
}

typedef struct {
    float *queries, *results, *references, *sums, *weights, *keys, *values;
} places;

// Queries [channel][lane], keys and values of a block one after the other, as MULTIPLY_ADD takes them.
#if PAIRS
#define order_queries(q, d) pair_across_rows(q, WIDTH, d, WIDTH, q)
#define take_keys(x, stride, n, d, y) pair_within_rows(x, stride, n, d, y)
#define take_values(x, stride, n, d, y) pair_across_rows(x, stride, n, d, y)
#else
VARIANT static void take_block(const float *x, int64_t stride, int64_t n, int64_t d, float *y) {
    for (int64_t j = 0; j < n; j++) memcpy(y + j * d, x + j * stride, (size_t)d * sizeof(float));
}
#define order_queries(q, d)
#define take_keys(x, stride, n, d, y) take_block(x, stride, n, d, y)
#define take_values(x, stride, n, d, y) take_block(x, stride, n, d, y)
#endif

VARIANT static void meet_bank(const kernel_bank *bank, int64_t batch, int64_t head, int64_t d,
                           int64_t groups, bool is_first, const places *p) {
    int64_t ks = bank->key_token_stride, vs = bank->value_token_stride;
    for (int64_t at = 0; at < bank->count; at += KEYS) {
        int64_t n = bank->count - at < KEYS ? bank->count - at : KEYS;
        take_keys(bank->keys + batch * bank->key_batch_stride + at * ks + head * d, ks, n, d,
                   p->keys);
        take_values(bank->values + batch * bank->value_batch_stride + at * vs + head * d, vs, n, d,
                   p->values);
        for (int64_t g = 0; g < groups; g++) {
            float *q = p->queries + g * WIDTH * d, *results = p->results + g * WIDTH * d;
            float *reference = p->references + g * WIDTH, *sums = p->sums + g * WIDTH;
            if (is_first && at == 0)
                raise_reference(q, p->keys, n < KEY_ROWS ? n : KEY_ROWS, d, reference, p->weights,
                                sums, results);
            meet_block(q, p->keys, p->values, n, d, reference, p->weights, sums, results);
        }
    }
}

VARIANT static void attend_task(const kernel_attention_shape *s, int64_t task, float *scratch) {
    int64_t d = s->head_dim, blocks = query_blocks(s), most = task_queries(s);
    int64_t batch = task / (s->heads * blocks), head = task / blocks % s->heads;
    int64_t first = task % blocks * most;
    int64_t rows = s->query_count - first < most ? s->query_count - first : most;
    int64_t groups = (rows + WIDTH - 1) / WIDTH;
    places p = {.queries = scratch};
    p.results = p.queries + most * d, p.references = p.results + most * d;
    p.sums = p.references + most, p.weights = p.sums + most;
    p.keys = p.weights + KEYS * WIDTH, p.values = p.keys + KEYS * d;

    const float *q = s->queries + batch * s->query_batch_stride + first * s->query_token_stride
        + head * d;
    for (int64_t r = 0; r < groups * WIDTH; r += LANES) {
        int64_t from = r < rows ? r : rows - 1, n = rows - from < LANES ? rows - from : LANES;
        take_rows(q + from * s->query_token_stride, s->query_token_stride, n, d, s->scale * LOG2_E,
                  p.queries + r / WIDTH * WIDTH * d + r % WIDTH, WIDTH);
    }
    for (int64_t g = 0; g < groups; g++) order_queries(p.queries + g * WIDTH * d, d);
    memset(p.results, 0, (size_t)(groups * WIDTH * d) * sizeof(float));
    for (int64_t i = 0; i < groups * WIDTH; i++) p.references[i] = -INFINITY, p.sums[i] = 0;

    bool is_first = true;
    for (int64_t b = 0; b < s->bank_count; b++) {
        if (s->banks[b].count == 0) continue;
        meet_bank(&s->banks[b], batch, head, d, groups, is_first, &p);
        is_first = false;
    }
    float *out = s->out + batch * s->out_batch_stride + first * s->out_token_stride + head * d;
    for (int64_t r = 0; r < rows; r += LANES) {
        int64_t n = rows - r < LANES ? rows - r : LANES;
        store(p.sums + r, 1.0f / load(p.sums + r));
        give_rows(p.results + r / WIDTH * WIDTH * d + r % WIDTH, WIDTH, p.sums + r, n, d,
                  out + r * s->out_token_stride, s->out_token_stride);
    }
}

VARIANT static void attention_run(const kernel_attention_shape *s, int64_t first, int64_t last,
                         float *scratch) {
    // Weights too small for a normal number are nothing: as they are, each costs a hundred cycles.
    unsigned control = _mm_getcsr();
    _mm_setcsr(control | _MM_FLUSH_ZERO_ON);
    for (int64_t task = first; task < last; task++) attend_task(s, task, scratch);
    _mm_setcsr(control);
}
