#pragma once
#include "Vector.h"

enum { PHASES = 256 };
typedef uint8_t bytes16 __attribute__((vector_size(16)));

/// Weights of four pixels around a place (Catmull and Rom's cubic, a = -0.5), once in a row of four and
/// once for each channel of four pixels side by side, for every 1/256 of a pixel.
typedef struct {
    float row[PHASES][4];
    float column[PHASES][LANES];
} cubic;

INLINE void make_cubic(cubic *table, int channels) {
    for (int phase = 0; phase < PHASES; phase++) {
        float f = (float)phase / PHASES;
        float weights[4] = {((1 - 0.5f * f) * f - 0.5f) * f, (1.5f * f - 2.5f) * f * f + 1,
                            ((2 - 1.5f * f) * f + 0.5f) * f, 0.5f * (f - 1) * f * f};
        memcpy(table->row[phase], weights, sizeof weights);
        for (int i = 0; i < LANES; i++)
            table->column[phase][i] = i < 4 * channels ? weights[i / channels] : 0;
    }
}

INLINE int within(int value, int last) { return value < 0 ? 0 : value > last ? last : value; }

/// A place in 1/256 of a pixel, to the nearest; what is far out of every picture, or no number, is bounded.
INLINE int in_phases(float place) {
    float scaled = place * PHASES + 0.5f;
    scaled = scaled > -1e9f ? scaled < 1e9f ? scaled : 1e9f : -1e9f;
    int whole = (int)scaled;
    return whole - ((float)whole > scaled);
}

/// The channels, three or four, of a picture at a place in 1/256 of a pixel, (0, 0) being the centre of
/// the first; outside, the nearest pixel inside counts. All are within 0...255.
INLINE void sample_cubic(const cubic *table, const uint8_t *from, int width, int height,
                         int channels, int qx, int qy, float *out) {
    int x = (qx >> 8) - 1, y = (qy >> 8) - 1;
    // Sixteen bytes are read, of three channels twelve are used.
    int read = channels == 4 ? 4 : 6;
    int inside = x >= 0 && y >= 0 && x + read <= width && y + 4 <= height;
    const float *rows = table->row[qy & (PHASES - 1)];
    v16 sum = {0};
    for (int tap = 0; tap < 4; tap++) {
        int at = inside ? y + tap : within(y + tap, height - 1);
        const uint8_t *line = from + (size_t)at * width * channels;
        bytes16 taken = {0};
        if (inside) {
            memcpy(&taken, line + channels * x, 16);
        } else {
            uint8_t near[16] = {0};
            for (int i = 0; i < 4; i++)
                memcpy(near + channels * i, line + channels * within(x + i, width - 1), channels);
            memcpy(&taken, near, 16);
        }
        sum += __builtin_convertvector(__builtin_convertvector(taken, v16i), v16) * rows[tap];
    }
    sum *= load(table->column[qx & (PHASES - 1)]);
    for (int c = 0; c < channels; c++) {
        float value = (sum[c] + sum[c + channels])
                      + (sum[c + 2 * channels] + sum[c + 3 * channels]);
        out[c] = value > 0 ? value < 255 ? value : 255 : 0;
    }
}
