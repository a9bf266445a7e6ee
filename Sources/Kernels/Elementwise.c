#include "Kernels.h"
#include "Vector.h"

// The activation is a constant in each inlined copy, so that the loop has no branch.
#define EACH_ACTIVATION(call)                            \
    switch (activation) {                                \
    case KERNEL_NONE: call(KERNEL_NONE); break;          \
    case KERNEL_RELU: call(KERNEL_RELU); break;          \
    case KERNEL_SILU: call(KERNEL_SILU); break;          \
    case KERNEL_GELU: call(KERNEL_GELU); break;          \
    case KERNEL_QUICK_GELU: call(KERNEL_QUICK_GELU); break; \
    }

CLONES void kernel_activate(const float *x, float *y, int64_t count,
                            kernel_activation activation) {
#define LOOP(kind)                                         \
    do {                                                   \
        int64_t i = 0;                                     \
        for (; i + LANES <= count; i += LANES)             \
            store(y + i, activate(load(x + i), kind));     \
        if (i < count)                                     \
            store_some(y + i, activate(load_some(x + i, count - i), kind), count - i); \
    } while (0)
    EACH_ACTIVATION(LOOP)
#undef LOOP
}

CLONES void kernel_add(const float *a, const float *b, float *y, int64_t count,
                       kernel_activation activation) {
#define LOOP(kind)                                                       \
    do {                                                                 \
        int64_t i = 0;                                                   \
        for (; i + LANES <= count; i += LANES)                           \
            store(y + i, activate(load(a + i) + load(b + i), kind));     \
        for (; i < count; i += LANES)                                    \
            store_some(y + i,                                            \
                       activate(load_some(a + i, count - i) +            \
                                    load_some(b + i, count - i),         \
                                kind),                                   \
                       count - i);                                       \
    } while (0)
    EACH_ACTIVATION(LOOP)
#undef LOOP
}

CLONES void kernel_sloped_relu(const float *x, float *y, int64_t rows, int64_t channels,
                               const float *slope) {
    for (int64_t r = 0; r < rows; r++, x += channels, y += channels)
        for (int64_t c = 0; c < channels; c++) y[c] = x[c] > 0 ? x[c] : slope[c] * x[c];
}

CLONES void kernel_combine(const float *a, float p, const float *b, float q, float *y,
                           int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = p * a[i] + q * b[i];
}

CLONES void kernel_affine(const float *x, float p, float q, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = p * x[i] + q;
}

// tanh(z) = 1 - 2 / (e^2z + 1) loses digits near 0, where the series takes over.
#define soft_clamp(value, limit)                                           \
    ({                                                                     \
        v16 z = (value) / (limit), s = z * z;                              \
        v16 far = 1.0f - 2.0f / (exponential(2.0f * z) + 1.0f);            \
        v16 near = s * (62.0f / 2835) - 17.0f / 315;                       \
        near = near * s + 2.0f / 15;                                       \
        near = near * s - 1.0f / 3;                                        \
        near = (near * s + 1.0f) * z;                                      \
        (limit) * select_lanes(s < splat(0.04f), near, far);               \
    })

CLONES void kernel_soft_clamp(const float *x, float *y, int64_t count, float limit) {
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) store(y + i, soft_clamp(load(x + i), limit));
    if (i < count) store_some(y + i, soft_clamp(load_some(x + i, count - i), limit), count - i);
}

INLINE void scale_shift(const float *x, float *y, int64_t rows, int64_t channels,
                        const float *scale, const float *shift, int kind) {
    for (int64_t r = 0; r < rows; r++, x += channels, y += channels) {
        int64_t c = 0;
        for (; c + LANES <= channels; c += LANES)
            store(y + c, activate(load(x + c) * load(scale + c) + load(shift + c), kind));
        if (c < channels) {
            int64_t n = channels - c;
            v16 v = load_some(x + c, n) * load_some(scale + c, n) + load_some(shift + c, n);
            store_some(y + c, activate(v, kind), n);
        }
    }
}

INLINE void shift_only(const float *x, float *y, int64_t rows, int64_t channels,
                       const float *shift, int kind) {
    for (int64_t r = 0; r < rows; r++, x += channels, y += channels) {
        int64_t c = 0;
        for (; c + LANES <= channels; c += LANES)
            store(y + c, activate(load(x + c) + load(shift + c), kind));
        if (c < channels) {
            int64_t n = channels - c;
            store_some(y + c, activate(load_some(x + c, n) + load_some(shift + c, n), kind), n);
        }
    }
}

CLONES void kernel_scale_shift(const float *x, float *y, int64_t rows, int64_t channels,
                               const float *scale, const float *shift,
                               kernel_activation activation) {
#define LOOP(kind)                                                      \
    if (scale) scale_shift(x, y, rows, channels, scale, shift, kind);   \
    else shift_only(x, y, rows, channels, shift, kind)
    EACH_ACTIVATION(LOOP)
#undef LOOP
}

CLONES void kernel_geglu(const float *x, float *y, int64_t rows, int64_t channels) {
    for (int64_t r = 0; r < rows; r++, x += 2 * channels, y += channels) {
        int64_t c = 0;
        for (; c + LANES <= channels; c += LANES)
            store(y + c, load(x + c) * gelu(load(x + channels + c)));
        if (c < channels) {
            int64_t n = channels - c;
            store_some(y + c, load_some(x + c, n) * gelu(load_some(x + channels + c, n)), n);
        }
    }
}

CLONES void kernel_rgb8(const float *x, uint8_t *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float v = x[i] * 0.5f + 0.5f;
        v = v < 0 ? 0 : v;
        v = v > 1 ? 1 : v;
        y[i] = (uint8_t)(int32_t)(v * 255.0f);
    }
}
