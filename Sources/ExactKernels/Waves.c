#include "ExactKernels.h"

#include <string.h>

#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

CLONES void exact_waves(const float *re, const float *im, const float *cosine, const float *sine,
                        int columns, int width, int height, float *out) {
    for (int y = 0; y < height; y++) {
        float *row = out + (size_t)y * width;
        memset(row, 0, (size_t)width * sizeof(float));
        for (int u = 0; u < columns; u++) {
            const float a = re[(size_t)u * height + y], b = im[(size_t)u * height + y];
            const float *c = cosine + (size_t)u * width, *s = sine + (size_t)u * width;
            for (int x = 0; x < width; x++) row[x] += a * c[x] - b * s[x];
        }
    }
}
