#pragma once
#include <stdbool.h>
#include <stdint.h>

// Rows times a matrix whose columns lie in panels. Needs AVX-512 or AVX2; columns in sixteens, or 32s where
// they are halves.

#ifdef __cplusplus
extern "C" {
#endif

/// What a packed matrix is kept as.
typedef enum {
    KERNEL_FLOAT = 0,
    /// Widened to 32 bits on the way.
    KERNEL_BFLOAT = 1,
    /// Multiplied as it is, by rows that are rounded to halves too; sums are short and then go on in 32
    /// bits. Twice as fast, where the processor has AVX512-FP16.
    KERNEL_HALF = 2,
    /// BF16 in pairs, multiplied as they are by rows that are rounded to BF16 too; sums have 32 bits. Twice
    /// as fast, where the processor has AVX512-BF16. `in_channels` are even.
    KERNEL_PAIR = 3,
} kernel_format;

/// y[row][o] = after(sum over i of x[row][i] * matrix[o][i] + bias[o] + added[row][o]).
typedef struct {
    const float *x;
    /// Numbers from one row to the next.
    int64_t x_stride;
    /// From `kernel_product_pack`.
    const void *packed;
    kernel_format format;
    /// Of halves: what the sums are multiplied by.
    float scale;
    /// `kernel_product_scratch` bytes that nobody else uses meanwhile.
    void *scratch;
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
/// Whether it has what KERNEL_HALF needs.
bool kernel_half_works(void);
/// Whether it has what KERNEL_PAIR needs.
bool kernel_pairs_work(void);
/// Panels of a matrix.
int64_t kernel_product_panels(int64_t out_channels, kernel_format format);
/// Bytes of scratch for one thread and products of so many columns of `x`.
int64_t kernel_product_scratch(kernel_format format, int64_t in_channels);
/// A power of two by which a matrix should be multiplied before it is packed: 1, but for halves one that
/// brings the largest number to 4 ... 8, far from both ends of what they can hold.
float kernel_product_scale(const float *matrix, int64_t count, kernel_format format);
/// Panels first ..< last of a matrix [out, in] times `scale`, to where the whole packed matrix begins.
void kernel_product_pack(const float *matrix, int64_t in_channels, int64_t out_channels,
                         float scale, int64_t first, int64_t last, void *packed,
                         kernel_format format);
/// Puts one number into row `i`, column `o` of a packed panel of `width` columns, which begins at an index.
void kernel_product_put(float value, int64_t i, int64_t o, int64_t width, void *packed, int64_t at,
                        kernel_format format);
/// Columns of a panel.
int64_t kernel_product_panel(kernel_format format);
/// The rows from one on and the columns from a panel on, as a product of their own.
kernel_product kernel_product_part(const kernel_product *product, int64_t row, int64_t panel);
/// The product of rows first_row ..< last_row for panels first_panel ..< last_panel.
void kernel_product_run(const kernel_product *product, int64_t first_row, int64_t last_row,
                        int64_t first_panel, int64_t last_panel);
/// Whether `kernel_product_gate` can do a product with so many columns.
bool kernel_product_can_gate(const kernel_product *product);
/// Rows first_row ..< last_row of the product, its first half of columns times GELU of its second: `y`
/// has half as many columns. Without `added` and `after`.
void kernel_product_gate(const kernel_product *product, int64_t first_row, int64_t last_row);

#ifdef __cplusplus
}
#endif
