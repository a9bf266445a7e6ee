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

/// Where a place of one picture lies in another: x' = xx * x + xy * y + x, y' likewise. Places count
/// pixels from the picture's corner, so that the first pixel's centre is (0.5, 0.5).
typedef struct {
    float xx, xy, x, yx, yy, y;
} picture_affine;

/// Fills a packed picture with what another has at the mapped places, by Catmull and Rom's cubic;
/// outside of it, with its nearest pixel. To shrink by more than two, use `picture_shrink` first.
void picture_sample(const uint8_t *from, int width, int height, const picture_affine *map,
                    uint8_t *to, int to_width, int to_height);

/// Lays a square patch over columns `first_x` to `last_x` and rows likewise of a packed picture of
/// `width` columns; `map` leads from the picture to the patch. Towards the patch's edges it fades over
/// `feather` of its own pixels.
void picture_paste(const uint8_t *patch, int side, const picture_affine *map, float feather,
                   uint8_t *to, int width, int first_x, int first_y, int last_x, int last_y);

/// Shrinks by a whole factor: each pixel is the mean of factor x factor.
void picture_shrink(const uint8_t *from, ptrdiff_t stride, int factor, uint8_t *to, int to_width,
                    int to_height);

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

/// The sum of absolute differences of two runs of bytes.
uint64_t picture_absolute_difference(const uint8_t *a, const uint8_t *b, size_t count);

enum { PICTURE_SIMILARITY_WINDOW = 11 };

/// Structural similarity of the luma of two packed pictures: *Image quality
/// assessment: from error visibility to structural similarity*, 2004, with its Gaussian window of 11 and
/// deviation 1.5, K1 = 0.01 and K2 = 0.03. The mean over all places where the whole window lies in the picture.
///
/// `scratch` has room for 61 * width numbers. Both sides are at least `PICTURE_SIMILARITY_WINDOW`.
double picture_similarity(const uint8_t *a, const uint8_t *b, int width, int height, float *scratch);
