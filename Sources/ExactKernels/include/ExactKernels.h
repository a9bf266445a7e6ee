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

/// A smooth picture, [height, width, 3]: bytes of a coarse lattice, blended in integers.
/// With `weight` of 8 the second lattice does not count; else the lattices are mixed weight : 8-weight.
void exact_smooth_image(uint64_t hash, uint64_t next_hash, int weight, int height, int width,
                        int cells, uint8_t *out);

/// out[k] = in[k] / 255 (range 0...1), or that * 2 - 1 when `centred`.
void exact_bytes_to_float(const uint8_t *in, size_t count, int centred, float *out);

/// IEEE half precision and bfloat16 to single precision; exact. `in` may be unaligned.
void exact_half_to_float(const void *in, size_t count, float *out);
void exact_bfloat_to_float(const void *in, size_t count, float *out);
