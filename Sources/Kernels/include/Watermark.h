// The loops of the invisible watermark: what Marks adds to pictures, and how it finds it again.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    /// Columns of the mark's spectrum: 0...20 periods across its tile.
    WATERMARK_COLUMNS = 21,
    /// Its rows: -20...20 periods down.
    WATERMARK_ROWS = 41,
    /// Places across a tile, and down, at which the search looks for its corner.
    WATERMARK_PLACES = 64,
};

/// Adds a pattern, in 1/32 of its own spread, to a packed RGB picture: 1.2 levels where the picture is
/// smooth, up to 1.95 where it is busy, which is 42 dB at least. Exact in integers, so that every
/// processor gives the same bytes.
///
/// `scratch` has room for `watermark_scratch(width, height)` numbers.
void watermark_add(const uint8_t *rgb, int width, int height, const int8_t *pattern,
                   uint16_t *scratch, uint8_t *out);
size_t watermark_scratch(int width, int height);

/// Adds to `sum` the picture's luma less its mean over 21 x 21 pixels, divided by its spread there, and
/// held to -2...2. `scratch` has room for 3 * width * height numbers.
void watermark_whiten(const uint8_t *rgb, int width, int height, float *scratch, float *sum);

/// The spectrum of a picture with its origin in the centre: re and im are [1 << log_rows][columns].
///
/// The picture is at most half as wide as `1 << log_columns` and half as high as `1 << log_rows`; the
/// rest is zeros. `columns` is a multiple of 16. `scratch` has room for
/// 2 * 16 << max(log_rows, log_columns) numbers.
void watermark_spectrum(const float *picture, int width, int height, int log_columns, int log_rows,
                        int columns, float *scratch, float *re, float *im);

/// How well a spectrum [41][21] fits at each of 64 x 64 places of the tile:
/// map[y][x] = real part of the sum of c[v][u] e^(2 pi i (u x + v y) / 64), v from -20 on.
void watermark_places(const float *re, const float *im, float *map);
