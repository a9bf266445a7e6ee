// Loops whose every bit matters: compiled without fused multiply-add, so that each product and each
// sum is rounded on its own, on every processor.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// FNV-1a, 64 bit.
uint64_t exact_fnv1a(const uint8_t *bytes, size_t count);

/// Element `i` of the stream whose name hashes to `hash` (splitmix64 over a counter).
uint64_t exact_bits(uint64_t hash, uint64_t i);

/// out[k] = unit(first + k) * amplitude: one rounding.
void exact_unit(uint64_t hash, uint64_t first, size_t count, float amplitude, float *out);

/// out[k] = unit(first + k) * amplitude + offset: two roundings.
void exact_unit_offset(uint64_t hash, uint64_t first, size_t count, float amplitude, float offset,
                       float *out);

/// out[k] = gauss(first + k) * scale, where gauss adds three units from the left.
void exact_gauss(uint64_t hash, uint64_t first, size_t count, float scale, float *out);

/// Normal numbers by Box and Muller's transform of the stream's elements, two at a time.
void exact_normal(uint64_t hash, size_t count, float *out);

/// A smooth picture, [height, width, 3]: bytes of a coarse lattice, blended in integers.
/// With `weight` of 8 the second lattice does not count; else the lattices are mixed weight : 8-weight.
void exact_smooth_image(uint64_t hash, uint64_t next_hash, int weight, int height, int width,
                        int cells, uint8_t *out);

/// out[k] = in[k] / 255 (range 0...1), or that * 2 - 1 when `centred`.
void exact_bytes_to_float(const uint8_t *in, size_t count, int centred, float *out);

/// IEEE half precision and bfloat16 to single precision; exact. `in` may be unaligned.
void exact_half_to_float(const void *in, size_t count, float *out);
void exact_bfloat_to_float(const void *in, size_t count, float *out);

/// Single precision to half and bfloat16, rounded to the nearest, ties to even.
void exact_float_to_half(const float *in, size_t count, void *out);
void exact_float_to_bfloat(const float *in, size_t count, void *out);

/// How `found` differs from `golden`, in binary64: sums of squared differences and of squared golden
/// values, and the largest difference (infinite where a number is not finite).
typedef struct {
    double squared_difference, squared_golden, largest_difference, largest_golden;
} exact_difference;

/// Compares found[k * stride] with golden[k].
exact_difference exact_compare(const float *found, size_t stride, const float *golden,
                               size_t count);

/// Mean, population standard deviation and L2 norm, in binary64.
void exact_statistics(const float *values, size_t count, double out[3]);

typedef enum { EXACT_LANCZOS = 0, EXACT_BICUBIC = 1 } exact_filter;

/// Part of an axis that is resampled to `size`: `count` positions from `first` on.
typedef struct {
    int size, first, count;
} exact_span;

/// Resamples [height, width, 3] bytes with antialiasing, with the bits of Pillow's `Image.resize`, and
/// writes [rows.count, columns.count, 3] of the result. Returns 0, or -1 when there is no memory.
int exact_resample(const uint8_t *in, int height, int width, uint8_t *out, exact_span rows,
                   exact_span columns, exact_filter filter);

/// Draws `count` discs of 49 pixels on a cleared [size, size, 3] canvas: adds each colour, clamps to
/// 0...1. `points` are x, y pairs, which may lie off the canvas: in pixels of one that is `finer` times as
/// large, whose discs are averaged.
void exact_draw_discs(const int32_t *points, const float *colours, int count, int size,
                      int finer, float *canvas);

/// A picture as a sum of waves: out[y][x] is the sum over u < `columns`, in this order, of
/// re[u][y] * cosine[u][x] - im[u][y] * sine[u][x].
void exact_waves(const float *re, const float *im, const float *cosine, const float *sine,
                 int columns, int width, int height, float *out);
