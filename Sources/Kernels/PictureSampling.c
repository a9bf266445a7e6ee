#include "Pictures.h"

#include "Cubic.h"

CLONES void picture_sample(const uint8_t *from, int width, int height, const picture_affine *map,
                           uint8_t *to, int to_width, int to_height) {
    cubic table;
    make_cubic(&table, 3);
    for (int y = 0; y < to_height; y++) {
        float v = (float)y + 0.5f;
        for (int x = 0; x < to_width; x++, to += 3) {
            float u = (float)x + 0.5f;
            int qx = in_phases(map->xx * u + map->xy * v + map->x - 0.5f);
            int qy = in_phases(map->yx * u + map->yy * v + map->y - 0.5f);
            float rgb[3];
            sample_cubic(&table, from, width, height, 3, qx, qy, rgb);
            for (int c = 0; c < 3; c++) to[c] = (uint8_t)(rgb[c] + 0.5f);
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
    make_cubic(&table, 3);
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
            int qx = in_phases(px - 0.5f), qy = in_phases(py - 0.5f);
            float rgb[3];
            sample_cubic(&table, patch, side, side, 3, qx, qy, rgb);
            for (int c = 0; c < 3; c++)
                pixel[c] = (uint8_t)(pixel[c] + share * (rgb[c] - pixel[c]) + 0.5f);
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
