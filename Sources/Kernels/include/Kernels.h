#pragma once
#include "Pictures.h"
#include "PictureWarp.h"
#include "Portrait.h"
#include "Product.h"
#include "Watermark.h"
#include "Winograd.h"
#include <stdint.h>

// Loops over tensors that Swift does not vectorise. All work in binary32 on row-major data whose
// last axis is the channel; none allocates. Pointers may be unaligned. `y` may be `x` in every
// element-wise loop.

#ifdef __cplusplus
extern "C" {
#endif

/// What an element-wise loop applies last.
typedef enum {
    KERNEL_NONE = 0,
    KERNEL_RELU = 1,
    KERNEL_SILU = 2,
    KERNEL_GELU = 3,
    KERNEL_QUICK_GELU = 4,
} kernel_activation;

// Element-wise.

/// y = activation(x).
void kernel_activate(const float *x, float *y, int64_t count, kernel_activation activation);
/// y = activation(a + b).
void kernel_add(const float *a, const float *b, float *y, int64_t count,
                kernel_activation activation);
/// y = p * a + q * b.
void kernel_combine(const float *a, float p, const float *b, float q, float *y, int64_t count);
/// y = p * x + q.
void kernel_affine(const float *x, float p, float q, float *y, int64_t count);
/// y = limit * tanh(x / limit).
void kernel_soft_clamp(const float *x, float *y, int64_t count, float limit);
/// y[r, c] = activation(scale[c] * x[r, c] + shift[c]); without `scale` it is 1.
void kernel_scale_shift(const float *x, float *y, int64_t rows, int64_t channels,
                        const float *scale, const float *shift, kernel_activation activation);
/// y[r, c] = x[r, c], or slope[c] * x[r, c] below zero (PReLU).
void kernel_sloped_relu(const float *x, float *y, int64_t rows, int64_t channels,
                        const float *slope);
/// y[r, c] = x[r, c] * GELU(x[r, channels + c]): `x` has 2 * channels columns, value first.
void kernel_geglu(const float *x, float *y, int64_t rows, int64_t channels);
/// Bytes of an image in about -1...1: trunc(clamp(x / 2 + 0.5, 0, 1) * 255).
void kernel_rgb8(const float *x, uint8_t *y, int64_t count);

// Normalisation.

/// y = (x - mean) / sqrt(variance + eps) * gain + bias over each row; gain and bias may be null.
void kernel_layer_norm(const float *x, float *y, int64_t rows, int64_t channels,
                       const float *gain, const float *bias, float eps);
/// Mean, then sum of squared deviations, of every channel over some rows of a frame.
void kernel_channel_statistics(const float *x, int64_t rows, int64_t channels, double *sums);
/// The group normalisation of one frame of `rows` rows as factors, then offsets, of its channels.
///
/// `sums` holds the statistics of `pieces` pieces of the rows, split evenly, and is used up; `offset`
/// (or null) is added to every row first.
void kernel_group_norm(double *sums, int64_t pieces, int64_t rows, int64_t channels, int64_t groups,
                       const float *gain, const float *bias, float eps, const float *offset,
                       float *factors);

/// Global response normalisation (ConvNeXt V2) of one frame written as scale and shift per channel:
/// a channel's L2 norm over all rows, by the mean of these norms. `work` holds `channels` doubles.
void kernel_global_response(const float *x, int64_t rows, int64_t channels, const float *gain,
                            const float *bias, float eps, float *scale, float *shift,
                            double *work);
/// Mean of every column. `work` holds `channels` doubles.
void kernel_column_means(const float *x, float *y, int64_t rows, int64_t channels, double *work);

// Layout and resampling.

/// y[r] = a[r] followed by b[r].
void kernel_concat(const float *a, int64_t a_channels, const float *b, int64_t b_channels,
                   float *y, int64_t rows);
/// y[r] = x[r] followed by zeros up to `to` channels.
void kernel_widen(const float *x, int64_t channels, float *y, int64_t to, int64_t rows);
/// [rows, columns] to [columns, rows].
void kernel_transpose(const float *x, float *y, int64_t rows, int64_t columns);
/// Largest of each 2x2 cell of one frame; odd last rows and columns are left out.
void kernel_max_pool2(const float *x, float *y, int64_t h, int64_t w, int64_t channels);
/// Every pixel of one frame becomes 2x2.
void kernel_double(const float *x, float *y, int64_t h, int64_t w, int64_t channels);
/// Bilinear sampling of one frame: output (i, j) blends rows row[i], row[i] + (next in range) by
/// row_weight[i], columns likewise.
void kernel_bilinear(const float *x, int64_t h, int64_t w, float *y, int64_t out_h, int64_t out_w,
                     int64_t channels, const int32_t *row, const float *row_weight,
                     const int32_t *column, const float *column_weight);
/// Bilinear values of one frame at the mapped places of the centres of the output's pixels; zeros where
/// a place is outside of the centres of the frame's outermost pixels.
void kernel_sample(const float *x, int64_t h, int64_t w, int64_t channels,
                   const picture_affine *map, float *y, int64_t out_h, int64_t out_w);

// Measurement.

/// 512 FLOP of fused multiply-adds per round, as fast as the processor can: its peak.
float kernel_multiply_adds(int64_t rounds);

// Attention.

/// Keys and values of one source: token t of batch b starts at b * batch_stride + t * token_stride.
typedef struct {
    const float *keys, *values;
    int64_t count;
    int64_t key_batch_stride, key_token_stride;
    int64_t value_batch_stride, value_token_stride;
} kernel_bank;

/// Queries, where results go, and the banks that all heads of all batches attend to.
typedef struct {
    const float *queries;
    int64_t query_batch_stride, query_token_stride, query_count;
    float *out;
    int64_t out_batch_stride, out_token_stride;
    const kernel_bank *banks;
    int64_t bank_count;
    int64_t heads, head_dim;
    float scale;
    /// Whether many queries, keys and values, and their weights, are rounded to BF16 and multiplied as such:
    /// where `kernel_pairs_work`.
    bool pairs;
} kernel_attention_shape;

/// Floats of scratch that one call of `kernel_attention` needs.
int64_t kernel_attention_scratch(const kernel_attention_shape *shape);
/// Pieces of work for `batches` batches: any split of 0 ..< this number gives the same result.
int64_t kernel_attention_tasks(const kernel_attention_shape *shape, int64_t batches);
/// Softmax attention for tasks first ..< last, over blocks of keys with a running maximum: the
/// scores are never stored as a whole.
void kernel_attention(const kernel_attention_shape *shape, int64_t first, int64_t last,
                      float *scratch);

#ifdef __cplusplus
}
#endif
