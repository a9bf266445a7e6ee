#pragma once
#include <stdbool.h>
#include <stdint.h>

// Rows times a matrix whose columns lie in panels of up to 64. Needs AVX-512; columns in sixteens.

#ifdef __cplusplus
extern "C" {
#endif

/// y[row][o] = after(sum over i of x[row][i] * matrix[o][i] + bias[o] + added[row][o]).
typedef struct {
    const float *x;
    /// Numbers from one row to the next.
    int64_t x_stride;
    /// From `kernel_product_pack`.
    const void *packed;
    /// Whether that is BF16, which is widened on the way; else F32.
    bool is_bfloat;
    int64_t in_channels, out_channels;
    float *y;
    /// Also `added`'s.
    int64_t y_stride;
    /// Null for none.
    const float *bias, *added;
    /// A number of `kernel_activation`.
    int after;
} kernel_product;

/// Whether this processor has what the functions below need.
bool kernel_product_works(void);
/// Panels of a matrix.
int64_t kernel_product_panels(int64_t out_channels);
/// Panels first ..< last of a matrix [out, in], to where the whole packed matrix begins.
void kernel_product_pack(const float *matrix, int64_t in_channels, int64_t out_channels,
                         int64_t first, int64_t last, void *packed, bool is_bfloat);
/// Puts one number at an index of a packed matrix.
void kernel_product_put(float value, int64_t at, void *packed, bool is_bfloat);
/// The product of rows first_row ..< last_row for panels first_panel ..< last_panel.
void kernel_product_run(const kernel_product *product, int64_t first_row, int64_t last_row,
                        int64_t first_panel, int64_t last_panel);
/// Whether `kernel_product_gate` can do a product with so many columns.
bool kernel_product_can_gate(int64_t out_channels);
/// Rows first_row ..< last_row of the product, its first half of columns times GELU of its second: `y`
/// has half as many columns. Without `added` and `after`.
void kernel_product_gate(const kernel_product *product, int64_t first_row, int64_t last_row);

#ifdef __cplusplus
}
#endif
