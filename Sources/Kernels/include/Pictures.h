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
