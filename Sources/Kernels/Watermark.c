#include "Watermark.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "Vector.h"

/// Sides of the blocks over which a picture's activity is measured.
enum { BLOCK = 8 };

static int blocks(int side) { return (side + BLOCK - 1) / BLOCK; }

size_t watermark_scratch(int width, int height) {
    // Strengths of the blocks; two rows of luma, one of steps; one row of strengths, by block and pixel.
    return (size_t)blocks(width) * (blocks(height) + 1) + 4 * (size_t)width;
}

INLINE void luma_row(const uint8_t *rgb, int width, uint16_t *to) {
    for (int x = 0; x < width; x++)
        to[x] = (uint16_t)((77 * rgb[3 * x] + 150 * rgb[3 * x + 1] + 29 * rgb[3 * x + 2]) >> 8);
}

/// Strength of each block in 1/32 level, from the mean step from a pixel to its neighbours.
INLINE void measure_blocks(const uint8_t *rgb, int width, int height, uint16_t *rows,
                           uint16_t *strengths) {
    uint16_t *here = rows, *below = rows + width, *steps = below + width;
    int across = blocks(width);
    for (int top = 0; top < height; top += BLOCK) {
        int last = top + BLOCK < height ? top + BLOCK : height;
        uint16_t *strength = strengths + (size_t)(top / BLOCK) * across;
        memset(steps, 0, (size_t)width * sizeof(uint16_t));
        luma_row(rgb + (size_t)top * width * 3, width, here);
        for (int y = top; y < last; y++) {
            luma_row(rgb + (size_t)(y + 1 < height ? y + 1 : y) * width * 3, width, below);
            for (int x = 0; x + 1 < width; x++)
                steps[x] += (uint16_t)(abs(here[x] - here[x + 1]) + abs(here[x] - below[x]));
            uint16_t *swap = here;
            here = below;
            below = swap;
        }
        for (int b = 0; b < across; b++) {
            int first = b * BLOCK, end = first + BLOCK < width ? first + BLOCK : width;
            uint32_t sum = 0;
            for (int x = first; x < end; x++) sum += steps[x];
            // 0.75 level, and 0.12 for each level of the mean step: within 1.2 and 1.95.
            uint32_t value = 24 + 4 * sum / (uint32_t)((last - top) * (end - first));
            strength[b] = (uint16_t)(value < 38 ? 38 : value > 62 ? 62 : value);
        }
    }
}

INLINE uint8_t held(int value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

/// The strengths of one row of pixels: between the centres of blocks they change evenly.
INLINE void spread_strengths(const uint16_t *strengths, int width, int height, int y,
                             uint16_t *mixed, uint16_t *to) {
    int across = blocks(width), down = blocks(height);
    int place = 2 * y + 1 - BLOCK, upper = place < 0 ? 0 : place / (2 * BLOCK);
    int share = place < 0 ? 0 : place % (2 * BLOCK), lower = upper + 1 < down ? upper + 1 : upper;
    const uint16_t *a = strengths + (size_t)upper * across;
    const uint16_t *b = strengths + (size_t)lower * across;
    for (int i = 0; i < across; i++) mixed[i] = (uint16_t)((16 - share) * a[i] + share * b[i]);
    int x = 0;
    for (; x < BLOCK / 2 && x < width; x++) to[x] = (uint16_t)((16 * mixed[0] + 128) >> 8);
    for (int i = 0; i + 1 < across && x + BLOCK <= width; i++, x += BLOCK)
        for (int k = 0; k < BLOCK; k++)
            to[x + k] = (uint16_t)(((15 - 2 * k) * mixed[i] + (2 * k + 1) * mixed[i + 1] + 128) >> 8);
    // What is left is less than a block from the last centre on, or around it.
    for (; x < width; x++) {
        int at = 2 * x + 1 - BLOCK, left = at / (2 * BLOCK), part = at % (2 * BLOCK);
        int right = left + 1 < across ? left + 1 : left;
        to[x] = (uint16_t)(((16 - part) * mixed[left] + part * mixed[right] + 128) >> 8);
    }
}

CLONES void watermark_add(const uint8_t *rgb, int width, int height, const int8_t *pattern,
                          uint16_t *scratch, uint8_t *out) {
    uint16_t *strengths = scratch, *mixed = strengths + (size_t)blocks(width) * blocks(height);
    uint16_t *rows = mixed + blocks(width), *strength = rows + 3 * (size_t)width;
    measure_blocks(rgb, width, height, rows, strengths);
    for (int y = 0; y < height; y++) {
        spread_strengths(strengths, width, height, y, mixed, strength);
        const uint8_t *from = rgb + (size_t)y * width * 3;
        const int8_t *mark = pattern + (size_t)y * width;
        uint8_t *to = out + (size_t)y * width * 3;
        for (int x = 0; x < width; x++) {
            int change = (strength[x] * mark[x] + 512) >> 10;
            for (int c = 0; c < 3; c++) to[3 * x + c] = held(from[3 * x + c] + change);
        }
    }
}

/// Half the side of the square over which a picture is compared with its surroundings.
enum { REACH = 10 };

/// Mean of the 21 x 21 pixels around each; outside of the picture its edge goes on.
INLINE void box_mean(const float *from, int width, int height, float *columns, float *to) {
    const float scale = 1.0f / ((2 * REACH + 1) * (2 * REACH + 1));
    memset(columns, 0, (size_t)width * sizeof(float));
    for (int y = -REACH; y <= REACH; y++) {
        int at = y < 0 ? 0 : y < height ? y : height - 1;
        for (int x = 0; x < width; x++) columns[x] += from[(size_t)at * width + x];
    }
    for (int y = 0; y < height; y++) {
        float *row = to + (size_t)y * width, sum = 0;
        for (int x = -REACH; x <= REACH; x++) sum += columns[x < 0 ? 0 : x < width ? x : width - 1];
        for (int x = 0; x < width; x++) {
            row[x] = sum * scale;
            int come = x + REACH + 1, leave = x - REACH;
            sum += columns[come < width ? come : width - 1] - columns[leave > 0 ? leave : 0];
        }
        int come = y + REACH + 1, leave = y - REACH;
        const float *more = from + (size_t)(come < height ? come : height - 1) * width;
        const float *less = from + (size_t)(leave > 0 ? leave : 0) * width;
        for (int x = 0; x < width; x++) columns[x] += more[x] - less[x];
    }
}

CLONES void watermark_whiten(const uint8_t *rgb, int width, int height, float *scratch,
                             float *sum) {
    size_t count = (size_t)width * height;
    float *luma = scratch, *mean = luma + count, *square = mean + count;
    for (size_t i = 0; i < count; i++)
        luma[i] = 0.299f * rgb[3 * i] + 0.587f * rgb[3 * i + 1] + 0.114f * rgb[3 * i + 2];
    // The first row of `square` is not needed yet, and holds the sums of columns.
    box_mean(luma, width, height, square, mean);
    for (size_t i = 0; i < count; i++) {
        luma[i] -= mean[i];
        square[i] = luma[i] * luma[i];
    }
    float *columns = malloc((size_t)width * sizeof(float));
    box_mean(square, width, height, columns, mean);
    free(columns);
    for (size_t i = 0; i < count; i++) {
        float spread = sqrtf(mean[i] > 0 ? mean[i] : 0) + 2;
        float value = luma[i] / spread;
        sum[i] += value < -2 ? -2 : value > 2 ? 2 : value;
    }
}

/// Fourier transforms of sixteen rows at once, each number of a row a vector: [1 << log][16].
static void transform(float *re, float *im, int log, const float *cosine, const float *sine) {
    int n = 1 << log;
    for (int i = 1, j = 0; i < n; i++) {
        int bit = n >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i >= j) continue;
        for (int lane = 0; lane < LANES; lane++) {
            float r = re[i * LANES + lane], m = im[i * LANES + lane];
            re[i * LANES + lane] = re[j * LANES + lane];
            im[i * LANES + lane] = im[j * LANES + lane];
            re[j * LANES + lane] = r;
            im[j * LANES + lane] = m;
        }
    }
    for (int half = 1; half < n; half *= 2) {
        int step = n / (2 * half);
        for (int base = 0; base < n; base += 2 * half) {
            for (int k = 0; k < half; k++) {
                float c = cosine[k * step], s = sine[k * step];
                float *ar = re + (base + k) * LANES, *ai = im + (base + k) * LANES;
                float *br = ar + half * LANES, *bi = ai + half * LANES;
                for (int lane = 0; lane < LANES; lane++) {
                    float r = br[lane] * c + bi[lane] * s, m = bi[lane] * c - br[lane] * s;
                    br[lane] = ar[lane] - r;
                    bi[lane] = ai[lane] - m;
                    ar[lane] += r;
                    ai[lane] += m;
                }
            }
        }
    }
}

static void circle(int n, float *cosine, float *sine) {
    for (int k = 0; k < n / 2; k++) {
        cosine[k] = (float)cos(2 * M_PI * k / n);
        sine[k] = (float)sin(2 * M_PI * k / n);
    }
}

CLONES void watermark_spectrum(const float *picture, int width, int height, int log_columns,
                               int log_rows, int columns, float *scratch, float *re, float *im) {
    int across = 1 << log_columns, down = 1 << log_rows, most = across > down ? across : down;
    float *r = scratch, *m = scratch + (size_t)most * LANES;
    float *cosine = malloc((size_t)most * sizeof(float)), *sine = cosine + most / 2;
    memset(re, 0, (size_t)down * columns * sizeof(float));
    memset(im, 0, (size_t)down * columns * sizeof(float));
    circle(across, cosine, sine);
    for (int top = 0; top < height; top += LANES) {
        memset(r, 0, (size_t)across * LANES * sizeof(float));
        memset(m, 0, (size_t)across * LANES * sizeof(float));
        int rows = top + LANES < height ? LANES : height - top;
        for (int lane = 0; lane < rows; lane++) {
            const float *row = picture + (size_t)(top + lane) * width;
            for (int x = 0; x < width; x++)
                r[((x - width / 2) & (across - 1)) * LANES + lane] = row[x];
        }
        transform(r, m, log_columns, cosine, sine);
        for (int lane = 0; lane < rows; lane++) {
            size_t place = (size_t)((top + lane - height / 2) & (down - 1)) * columns;
            for (int u = 0; u < columns; u++) {
                re[place + u] = r[u * LANES + lane];
                im[place + u] = m[u * LANES + lane];
            }
        }
    }
    circle(down, cosine, sine);
    for (int first = 0; first < columns; first += LANES) {
        for (int v = 0; v < down; v++) {
            memcpy(r + v * LANES, re + (size_t)v * columns + first, LANES * sizeof(float));
            memcpy(m + v * LANES, im + (size_t)v * columns + first, LANES * sizeof(float));
        }
        transform(r, m, log_rows, cosine, sine);
        for (int v = 0; v < down; v++) {
            memcpy(re + (size_t)v * columns + first, r + v * LANES, LANES * sizeof(float));
            memcpy(im + (size_t)v * columns + first, m + v * LANES, LANES * sizeof(float));
        }
    }
    free(cosine);
}

CLONES void watermark_places(const float *re, const float *im, float *map) {
    enum { N = WATERMARK_PLACES };
    float cosine[N], sine[N], rows_re[WATERMARK_ROWS][N], rows_im[WATERMARK_ROWS][N];
    for (int k = 0; k < N; k++) {
        cosine[k] = cosf(2 * (float)M_PI * k / N);
        sine[k] = sinf(2 * (float)M_PI * k / N);
    }
    float turn_c[WATERMARK_COLUMNS][N], turn_s[WATERMARK_COLUMNS][N];
    for (int u = 0; u < WATERMARK_COLUMNS; u++)
        for (int x = 0; x < N; x++) {
            turn_c[u][x] = cosine[(u * x) & (N - 1)];
            turn_s[u][x] = sine[(u * x) & (N - 1)];
        }
    memset(rows_re, 0, sizeof(rows_re));
    memset(rows_im, 0, sizeof(rows_im));
    for (int v = 0; v < WATERMARK_ROWS; v++) {
        for (int u = 0; u < WATERMARK_COLUMNS; u++) {
            float a = re[v * WATERMARK_COLUMNS + u], b = im[v * WATERMARK_COLUMNS + u];
            if (a == 0 && b == 0) continue;
            for (int x = 0; x < N; x++) {
                rows_re[v][x] += a * turn_c[u][x] - b * turn_s[u][x];
                rows_im[v][x] += a * turn_s[u][x] + b * turn_c[u][x];
            }
        }
    }
    memset(map, 0, N * N * sizeof(float));
    for (int y = 0; y < N; y++) {
        float *row = map + y * N;
        for (int v = 0; v < WATERMARK_ROWS; v++) {
            int turn = ((v - 20) * y) & (N - 1);
            float c = cosine[turn], s = sine[turn];
            for (int x = 0; x < N; x++) row[x] += c * rows_re[v][x] - s * rows_im[v][x];
        }
    }
}
