// Packed 8-bit RGB pictures: rows of `width * 3` bytes, `stride` bytes apart.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Copies a picture into `to` (packed, no padding), turned and mirrored.
///
/// `width` and `height` are those of `from`. With `swap`, rows become columns; then `flip_x` and
/// `flip_y` mirror the result left-right and top-bottom.
void picture_orient(const uint8_t *from, ptrdiff_t stride, int width, int height, uint8_t *to,
                    int swap, int flip_x, int flip_y);

/// Copies a packed picture into a larger one, repeating the last column and row.
void picture_pad(const uint8_t *from, int width, int height, uint8_t *to, ptrdiff_t stride,
                 int to_width, int to_height);

/// Halves a packed picture of twice `width` and `height`: each pixel is the mean of four.
void picture_halve(const uint8_t *from, int width, int height, uint8_t *to);

/// How 8-bit luma and chroma become red, green and blue, in 1/16384.
typedef struct {
    int32_t luma, red_v, green_u, green_v, blue_u;
    /// Luma of black.
    int32_t black;
    /// Whether chroma lies between its two columns (JPEG) rather than on the left one (films).
    int32_t is_centred;
} picture_matrix;

/// Turns 4:2:0 planes into packed RGB; chroma is interpolated linearly, results are rounded.
///
/// `scratch` has room for 2 * (width + 2) numbers.
void picture_from_yuv420(const uint8_t *y, ptrdiff_t y_stride, const uint8_t *u,
                         ptrdiff_t u_stride, const uint8_t *v, ptrdiff_t v_stride, int width,
                         int height, const picture_matrix *matrix, int16_t *scratch, uint8_t *to);

/// How red, green and blue become luma and chroma, in 1/65536, in the range 16...235 and 16...240.
typedef struct {
    int32_t luma[3], u[3], v[3];
} picture_weights;

/// Turns packed RGB into 4:2:0 planes of even size, with chroma on the left of its two columns.
///
/// Planes one column or row larger than the picture repeat its edge. `scratch` has room for
/// 3 * (to_width + 2) numbers. Nothing outside of the picture is touched.
void picture_to_yuv420(const uint8_t *from, int width, int height, const picture_weights *weights,
                       int to_width, int to_height, int16_t *scratch, uint8_t *y,
                       ptrdiff_t y_stride, uint8_t *u, ptrdiff_t u_stride, uint8_t *v,
                       ptrdiff_t v_stride);

/// The sum of squared differences of two runs of bytes.
uint64_t picture_squared_difference(const uint8_t *a, const uint8_t *b, size_t count);
