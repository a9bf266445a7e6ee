#pragma once
#include "Product.h"
#include <stdbool.h>
#include <stdint.h>

// 3x3 convolution with stride 1 and one cell of zeros around, by Winograd's F(4x4, 3x3) and F(2x2, 3x3)
// (Lavin and Gray, arXiv 1509.09308): patches of 6x6 or 4x4 input cells and the kernels are brought to
// 36 or 16 frequencies, multiplied there as so many matrices, and tiles of 4x4 or 2x2 results brought
// back, with 2.25 or 4 multiplications a result instead of 9. Images keep channels last. Needs
// AVX-512 or AVX2; channels in sixteens.

#ifdef __cplusplus
extern "C" {
#endif

/// One convolution of `n` frames; tiles are numbered along rows, then down, then by frame.
typedef struct {
    const float *x;
    /// Rows and columns of the result; of `x` too, unless it is doubled while it is read.
    int64_t h, w;
    int64_t in_channels, out_channels;
    /// Rows and columns of a tile of results: 4 or 2.
    int64_t side;
    /// Every pixel of `x`, [n, h / 2, w / 2, in], stands for 2x2.
    bool doubles;
    /// Per frame `in` factors, then `in` offsets, applied to what is read, or null.
    const float *factors;
    /// What follows the factors, and what the results pass last: numbers of `kernel_activation`.
    int before, after;
    /// Null for none.
    const float *bias, *added;
    float *y;
} kernel_winograd;

/// Whether this processor has what the functions below need.
bool kernel_winograd_works(void);
/// Tiles of a side in one frame.
int64_t kernel_winograd_tiles(int64_t h, int64_t w, int64_t side);
/// Frequencies of tiles of a side.
int64_t kernel_winograd_frequencies(int64_t side);
/// Floats between two frequencies of `tiles` tiles with so many channels.
int64_t kernel_winograd_stride(int64_t tiles, int64_t channels);
/// Floats of scratch for reading a row of tiles.
int64_t kernel_winograd_strip(const kernel_winograd *shape);
/// Weights [out, in, 3, 3], times `scale`, to frequencies, each packed as a product's matrix; for inputs
/// first ..< last.
void kernel_winograd_weights(const float *weights, int64_t in_channels, int64_t out_channels,
                             int64_t side, float scale, int64_t first, int64_t last, void *packed,
                             kernel_format format);
/// Brings tiles first ..< last to frequencies, `v` being where tile `base` is.
void kernel_winograd_input(const kernel_winograd *shape, int64_t first, int64_t last, int64_t base,
                           float *v, int64_t stride, float *strip);
/// Pieces of work of a product: frequencies times panels.
int64_t kernel_winograd_units(const kernel_winograd *shape, kernel_format format);
/// The product for units first ..< last: `m` = `v` times weights, for `tiles` tiles. Of `how` its packed
/// matrix, format, scale and scratch are used.
void kernel_winograd_multiply(const kernel_winograd *shape, const kernel_product *how,
                              int64_t tiles, int64_t first, int64_t last, const float *v,
                              int64_t v_stride, float *m, int64_t m_stride);
/// Brings tiles first ..< last back, adds bias and `added`, and applies the activation.
void kernel_winograd_output(const kernel_winograd *shape, int64_t first, int64_t last, int64_t base,
                            const float *m, int64_t stride);

#ifdef __cplusplus
}
#endif
