#include "Pictures.h"

#include <string.h>

#include "Vector.h"

enum { PHASES = 256 };
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef int32_t ints16 __attribute__((vector_size(64)));

/// Weights of four pixels around a place (Catmull and Rom's cubic, a = -0.5), each for three
/// channels, for every 1/256 of a pixel.
typedef struct {
    float row[PHASES][4];
    float column[PHASES][16];
} cubic;

static void make_cubic(cubic *table) {
    for (int phase = 0; phase < PHASES; phase++) {
        float f = (float)phase / PHASES;
        float weights[4] = {((1 - 0.5f * f) * f - 0.5f) * f, (1.5f * f - 2.5f) * f * f + 1,
                            ((2 - 1.5f * f) * f + 0.5f) * f, 0.5f * (f - 1) * f * f};
        memcpy(table->row[phase], weights, sizeof weights);
        for (int tap = 0; tap < 4; tap++)
            for (int c = 0; c < 3; c++) table->column[phase][3 * tap + c] = weights[tap];
        memset(table->column[phase] + 12, 0, 4 * sizeof(float));
    }
}

INLINE int clamp(int value, int last) { return value < 0 ? 0 : value > last ? last : value; }
INLINE uint8_t to_byte(float value) {
    return (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value + 0.5f);
}

/// The picture at a place in 1/256 of a pixel, (0, 0) being the centre of the first; outside, the
/// nearest pixel inside counts.
#define SAMPLE(table, from, width, height, qx, qy, out)                                         \
    do {                                                                                        \
        int sx = ((qx) >> 8) - 1, sy = ((qy) >> 8) - 1;                                         \
        const float *rows_ = (table)->row[(qy) & (PHASES - 1)];                                 \
        v16 sum_ = {0};                                                                         \
        uint8_t near_[4][16];                                                                   \
        /* Sixteen bytes are read where twelve are used. */                                     \
        int inside_ = sx >= 0 && sy >= 0 && sy + 3 < (height) && sx + 5 < (width);              \
        for (int tap_ = 0; tap_ < 4; tap_++) {                                                  \
            const uint8_t *line_ =                                                              \
                (from) + (size_t)(inside_ ? sy + tap_ : clamp(sy + tap_, (height) - 1)) * (width) * 3; \
            bytes16 taken_;                                                                     \
            if (inside_) {                                                                      \
                memcpy(&taken_, line_ + 3 * sx, 16);                                            \
            } else {                                                                            \
                for (int i_ = 0; i_ < 4; i_++)                                                  \
                    memcpy(near_[tap_] + 3 * i_, line_ + 3 * clamp(sx + i_, (width) - 1), 3);   \
                memset(near_[tap_] + 12, 0, 4);                                                 \
                memcpy(&taken_, near_[tap_], 16);                                               \
            }                                                                                   \
            sum_ += __builtin_convertvector(__builtin_convertvector(taken_, ints16), v16)       \
                    * rows_[tap_];                                                              \
        }                                                                                       \
        sum_ *= load((table)->column[(qx) & (PHASES - 1)]);                                     \
        for (int c_ = 0; c_ < 3; c_++)                                                          \
            (out)[c_] = (sum_[c_] + sum_[c_ + 3]) + (sum_[c_ + 6] + sum_[c_ + 9]);              \
    } while (0)

/// A place in 1/256 of a pixel, kept where an int holds it.
INLINE int fixed(float place) {
    float scaled = place * PHASES;
    scaled = scaled < -1e9f ? -1e9f : scaled > 1e9f ? 1e9f : scaled;
    int truncated = (int)(scaled + 0.5f);
    return truncated - (scaled + 0.5f < (float)truncated);
}

CLONES void picture_sample(const uint8_t *from, int width, int height, const picture_affine *map,
                           uint8_t *to, int to_width, int to_height) {
    cubic table;
    make_cubic(&table);
    for (int y = 0; y < to_height; y++) {
        float v = (float)y + 0.5f;
        for (int x = 0; x < to_width; x++, to += 3) {
            float u = (float)x + 0.5f;
            int qx = fixed(map->xx * u + map->xy * v + map->x - 0.5f);
            int qy = fixed(map->yx * u + map->yy * v + map->y - 0.5f);
            float rgb[3];
            SAMPLE(&table, from, width, height, qx, qy, rgb);
            for (int c = 0; c < 3; c++) to[c] = to_byte(rgb[c]);
        }
    }
}

/// 0 at the edge, 1 from `feather` on inwards, without a kink at either end.
INLINE float ramp(float distance, float feather) {
    float t = distance <= 0 ? 0 : distance >= feather ? 1 : distance / feather;
    return t * t * (3 - 2 * t);
}

CLONES void picture_paste(const uint8_t *patch, int side, const picture_affine *map, float feather,
                          uint8_t *to, int width, int first_x, int first_y, int last_x,
                          int last_y) {
    cubic table;
    make_cubic(&table);
    float size = (float)side;
    for (int y = first_y; y < last_y; y++) {
        float v = (float)y + 0.5f;
        uint8_t *pixel = to + ((size_t)y * width + first_x) * 3;
        for (int x = first_x; x < last_x; x++, pixel += 3) {
            float u = (float)x + 0.5f;
            float px = map->xx * u + map->xy * v + map->x, py = map->yx * u + map->yy * v + map->y;
            float share = ramp(px < size - px ? px : size - px, feather)
                          * ramp(py < size - py ? py : size - py, feather);
            if (share <= 0) continue;
            int qx = fixed(px - 0.5f), qy = fixed(py - 0.5f);
            float rgb[3];
            SAMPLE(&table, patch, side, side, qx, qy, rgb);
            for (int c = 0; c < 3; c++) {
                float clipped = rgb[c] < 0 ? 0 : rgb[c] > 255 ? 255 : rgb[c];
                pixel[c] = to_byte(pixel[c] + share * (clipped - pixel[c]));
            }
        }
    }
}

void picture_shrink(const uint8_t *from, ptrdiff_t stride, int factor, uint8_t *to, int to_width,
                    int to_height) {
    uint32_t cells = (uint32_t)(factor * factor), half = cells / 2;
    for (int y = 0; y < to_height; y++) {
        const uint8_t *cell = from + (ptrdiff_t)y * factor * stride;
        for (int x = 0; x < to_width; x++, cell += 3 * factor, to += 3) {
            uint32_t sum[3] = {half, half, half};
            for (int row = 0; row < factor; row++) {
                const uint8_t *p = cell + row * stride;
                for (int i = 0; i < factor; i++, p += 3)
                    for (int c = 0; c < 3; c++) sum[c] += p[c];
            }
            for (int c = 0; c < 3; c++) to[c] = (uint8_t)(sum[c] / cells);
        }
    }
}
