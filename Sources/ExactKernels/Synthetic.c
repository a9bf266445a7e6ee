#include "ExactKernels.h"
#include <math.h>
#include <string.h>

#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define INLINE static inline __attribute__((always_inline))

uint64_t exact_fnv1a(const uint8_t *bytes, size_t count) {
    uint64_t hash = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < count; i++) hash = (hash ^ bytes[i]) * 0x100000001b3ull;
    return hash;
}

INLINE uint64_t bits(uint64_t hash, uint64_t i) {
    uint64_t z = hash + (i + 1) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

// 24 bits fit a float's mantissa, so nothing here is rounded.
INLINE float unit(uint64_t hash, uint64_t i) {
    return (float)(int32_t)(bits(hash, i) >> 40) * 0x1p-23f - 1.0f;
}

uint64_t exact_bits(uint64_t hash, uint64_t i) { return bits(hash, i); }

CLONES void exact_unit(uint64_t hash, uint64_t first, size_t count, float amplitude, float *out) {
    for (size_t k = 0; k < count; k++) out[k] = unit(hash, first + k) * amplitude;
}

CLONES void exact_unit_offset(uint64_t hash, uint64_t first, size_t count, float amplitude,
                              float offset, float *out) {
    for (size_t k = 0; k < count; k++) {
        float product = unit(hash, first + k) * amplitude;
        out[k] = product + offset;
    }
}

CLONES void exact_gauss(uint64_t hash, uint64_t first, size_t count, float scale, float *out) {
    for (size_t k = 0; k < count; k++) {
        uint64_t i = 3 * (first + k);
        float sum = unit(hash, i) + unit(hash, i + 1);
        sum = sum + unit(hash, i + 2);
        out[k] = sum * scale;
    }
}

void exact_normal(uint64_t hash, size_t count, float *out) {
    for (size_t k = 0; k < count; k += 2) {
        // In (0, 1], so that the logarithm is finite; 53 bits fill a double.
        double radius = sqrt(-2 * log((double)((bits(hash, k) >> 11) + 1) * 0x1p-53));
        double angle = 2 * M_PI * ((double)(bits(hash, k + 1) >> 11) * 0x1p-53);
        out[k] = (float)(radius * cos(angle));
        if (k + 1 < count) out[k + 1] = (float)(radius * sin(angle));
    }
}

void exact_smooth_image(uint64_t hash, uint64_t next_hash, int weight, int height, int width,
                        int cells, uint8_t *out) {
    int64_t side = cells + 1;
    for (int64_t y = 0; y < height; y++) {
        int64_t row = y * cells * 256 / height, iy = row >> 8, fy = row & 255;
        for (int64_t x = 0; x < width; x++) {
            int64_t column = x * cells * 256 / width, ix = column >> 8, fx = column & 255;
            for (int64_t c = 0; c < 3; c++) {
                uint64_t at = (uint64_t)((c * side + iy) * side + ix), corner[4];
                const uint64_t index[4] = {at, at + 1, at + (uint64_t)side, at + (uint64_t)side + 1};
                for (int k = 0; k < 4; k++) {
                    corner[k] = (bits(hash, index[k]) >> 56) * (uint64_t)weight;
                    if (weight < 8)
                        corner[k] += (bits(next_hash, index[k]) >> 56) * (uint64_t)(8 - weight);
                }
                int64_t top = (int64_t)corner[0] * (256 - fx) + (int64_t)corner[1] * fx;
                int64_t bottom = (int64_t)corner[2] * (256 - fx) + (int64_t)corner[3] * fx;
                out[(y * width + x) * 3 + c] =
                    (uint8_t)((top * (256 - fy) + bottom * fy + 32768 * 8) / (65536 * 8));
            }
        }
    }
}

CLONES void exact_bytes_to_float(const uint8_t *in, size_t count, int centred, float *out) {
    if (centred) {
        for (size_t k = 0; k < count; k++) {
            float value = (float)in[k] / 255.0f;
            out[k] = value * 2.0f - 1.0f;
        }
    } else {
        for (size_t k = 0; k < count; k++) out[k] = (float)in[k] / 255.0f;
    }
}

// By integers, since not every processor that we run on has a conversion instruction.
void exact_half_to_float(const void *in, size_t count, float *out) {
    const uint8_t *bytes = in;
    for (size_t k = 0; k < count; k++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * k, 2);
        uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff, word;
        if (rest >= 0x7c00) {
            word = sign | 0x7f800000u | (rest & 0x3ff) << 13;
        } else if (rest >= 0x0400) {
            word = sign | ((rest << 13) + 0x38000000u);
        } else {
            float tiny = (float)rest * 0x1p-24f;
            memcpy(&word, &tiny, 4);
            word |= sign;
        }
        memcpy(out + k, &word, 4);
    }
}

void exact_bfloat_to_float(const void *in, size_t count, float *out) {
    const uint8_t *bytes = in;
    for (size_t k = 0; k < count; k++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * k, 2);
        uint32_t word = (uint32_t)half << 16;
        memcpy(out + k, &word, 4);
    }
}

// Round to nearest, ties to even, as every converter of checkpoints does it.
void exact_float_to_bfloat(const float *in, size_t count, void *out) {
    uint16_t *halves = out;
    for (size_t k = 0; k < count; k++) {
        uint32_t word;
        memcpy(&word, in + k, 4);
        uint32_t rounded = (word + 0x7fffu + (word >> 16 & 1)) >> 16;
        // A sum could carry a NaN's bits into infinity; a NaN stays one.
        halves[k] = (uint16_t)((word & 0x7fffffffu) > 0x7f800000u ? word >> 16 | 0x40 : rounded);
    }
}

static inline uint16_t half(uint32_t word) {
    uint16_t sign = (uint16_t)(word >> 16 & 0x8000);
    uint32_t rest = word & 0x7fffffffu;
    if (rest > 0x7f800000u) return sign | 0x7e00;
    if (rest >= 0x477ff000u) return sign | 0x7c00;  // 65520 and more round to infinity
    if (rest < 0x38800000u) {
        // Below 2^-14 halves are multiples of 2^-24: adding 0.5 leaves a float just these.
        float tiny;
        memcpy(&tiny, &rest, 4);
        tiny += 0.5f;
        memcpy(&rest, &tiny, 4);
        return sign | (uint16_t)(rest - 0x3f000000u);
    }
    return sign | (uint16_t)((rest - 0x38000000u + 0xfffu + (rest >> 13 & 1)) >> 13);
}

void exact_float_to_half(const float *in, size_t count, void *out) {
    uint16_t *halves = out;
    for (size_t k = 0; k < count; k++) {
        uint32_t word;
        memcpy(&word, in + k, 4);
        halves[k] = half(word);
    }
}
