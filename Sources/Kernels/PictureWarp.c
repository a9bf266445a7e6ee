#include "PictureWarp.h"

#include <math.h>

#include "Cubic.h"

// MARK: Where nodes go

CLONES void warp_places(const warp_node *nodes, int count, const int32_t *first,
                        const uint16_t *centre, const float *weight, const float *coefficients,
                        int stride, const warp_pose *pose, float *places) {
    for (int i = 0; i < count; i++) {
        float dx = 0, dy = 0;
        for (int32_t k = first[i]; k < first[i + 1]; k++) {
            const float *c = coefficients + (size_t)centre[k] * stride;
            dx += weight[k] * c[0];
            dy += weight[k] * c[1];
        }
        float x = nodes[i].x + dx, y = nodes[i].y + dy, share = nodes[i].share;
        if (share > 0) {
            float step = share * WARP_TURNS;
            int low = step < (float)WARP_TURNS ? (int)step : WARP_TURNS - 1;
            float part = step - (float)low;
            const float *a = pose->turn[low], *b = pose->turn[low + 1];
            float px = x - pose->pivot[0], py = y - pose->pivot[1];
            float pz = nodes[i].depth - pose->pivot[2], m[6];
            for (int j = 0; j < 6; j++) m[j] = a[j] + part * (b[j] - a[j]);
            x = m[0] * px + m[1] * py + m[2] * pz + pose->pivot[0] + share * pose->shift[0];
            y = m[3] * px + m[4] * py + m[5] * pz + pose->pivot[1] + share * pose->shift[1];
        }
        places[2 * i] = x;
        places[2 * i + 1] = y;
    }
}

// MARK: Drawing

INLINE int rounded_up(float value) {
    int whole = (int)value;
    return whole + ((float)whole < value);
}

typedef struct {
    float x, y, u, v;
} corner;

/// Where an edge meets a line of pixels. Both triangles at an edge compute it from the same end, so that
/// every pixel belongs to exactly one of them.
INLINE float meets(const corner *a, const corner *b, float y) {
    if (a->y > b->y) {
        const corner *c = a;
        a = b;
        b = c;
    }
    return a->x + (y - a->y) * (b->x - a->x) / (b->y - a->y);
}

INLINE void draw_triangle(const warp_sheet *sheet, const cubic *table, const corner *a,
                          const corner *b, const corner *c, int blended, uint8_t *to, int width,
                          int height) {
    float abx = b->x - a->x, aby = b->y - a->y, acx = c->x - a->x, acy = c->y - a->y;
    float area = abx * acy - acx * aby;
    // So written that what is no number does not pass, here and below.
    if (!(area > 1e-6f && area < 1e12f)) return;
    float share = 1 / area, abu = b->u - a->u, acu = c->u - a->u, abv = b->v - a->v,
          acv = c->v - a->v;
    float ux = (abu * acy - acu * aby) * share, uy = (acu * abx - abu * acx) * share;
    float vx = (abv * acy - acv * aby) * share, vy = (acv * abx - abv * acx) * share;
    float low = a->y < b->y ? a->y : b->y, high = a->y < b->y ? b->y : a->y;
    low = c->y < low ? c->y : low;
    high = c->y > high ? c->y : high;
    if (!(high >= 0 && low <= (float)height)) return;
    int first_row = low <= 0.5f ? 0 : rounded_up(low - 0.5f);
    int last_row = high >= (float)height ? height : rounded_up(high - 0.5f);
    const corner *corners[4] = {a, b, c, a};
    for (int y = first_row; y < last_row; y++) {
        float row = (float)y + 0.5f, ends[4] = {0};
        int count = 0;
        for (int e = 0; e < 3; e++)
            if ((corners[e]->y <= row) != (corners[e + 1]->y <= row))
                ends[count++] = meets(corners[e], corners[e + 1], row);
        if (count < 2) continue;
        float left = ends[0] < ends[1] ? ends[0] : ends[1];
        float right = ends[0] < ends[1] ? ends[1] : ends[0];
        if (!(right >= 0 && left <= (float)width)) continue;
        int x = left <= 0.5f ? 0 : rounded_up(left - 0.5f);
        int last = right >= (float)width ? width : rounded_up(right - 0.5f);
        uint8_t *pixel = to + ((size_t)y * width + x) * 3;
        for (; x < last; x++, pixel += 3) {
            float dx = (float)x + 0.5f - a->x, dy = row - a->y;
            int qx = in_phases(a->u + ux * dx + uy * dy - 0.5f);
            int qy = in_phases(a->v + vx * dx + vy * dy - 0.5f);
            float rgba[4];
            sample_cubic(table, sheet->pixels, sheet->width, sheet->height, 4, qx, qy, rgba);
            float cover = blended ? rgba[3] * (1.0f / 255) : 1;
            for (int i = 0; i < 3; i++)
                pixel[i] = (uint8_t)(pixel[i] + cover * (rgba[i] - pixel[i]) + 0.5f);
        }
    }
}

INLINE int is_at(const float *place, float x, float y) {
    float dx = place[0] - x, dy = place[1] - y;
    // Half of 1/256 of a pixel would still be the same phase.
    return dx < 1e-3f && dx > -1e-3f && dy < 1e-3f && dy > -1e-3f;
}

/// A cell that stays: its pixels are copied.
INLINE void copy_cell(const warp_sheet *sheet, int i, int j, uint8_t *to, int width, int height) {
    for (int y = 0; y < sheet->cell; y++) {
        int v = j * sheet->cell + y, at_y = sheet->top + v;
        if (at_y < 0 || at_y >= height || v >= sheet->height) continue;
        for (int x = 0; x < sheet->cell; x++) {
            int u = i * sheet->cell + x, at_x = sheet->left + u;
            if (at_x < 0 || at_x >= width || u >= sheet->width) continue;
            memcpy(to + ((size_t)at_y * width + at_x) * 3,
                   sheet->pixels + ((size_t)v * sheet->width + u) * 4, 3);
        }
    }
}

CLONES void warp_draw(const warp_sheet *sheet, const float *places, uint8_t *to, int width,
                      int height) {
    cubic table;
    make_cubic(&table, 4);
    size_t line = 2 * ((size_t)sheet->columns + 1);
    float size = (float)sheet->cell;
    for (int j = 0; j < sheet->rows; j++)
        for (int i = 0; i < sheet->columns; i++) {
            int kind = sheet->draw[(size_t)j * sheet->columns + i];
            if (kind == WARP_HIDDEN) continue;
            const float *a = places + (size_t)j * line + 2 * i, *c = a + line;
            float u = size * (float)i, v = size * (float)j;
            float x = (float)sheet->left + u, y = (float)sheet->top + v;
            if (kind == WARP_OPAQUE && is_at(a, x, y) && is_at(a + 2, x + size, y)
                && is_at(c, x, y + size) && is_at(c + 2, x + size, y + size)) {
                copy_cell(sheet, i, j, to, width, height);
                continue;
            }
            corner p = {a[0], a[1], u, v}, q = {a[2], a[3], u + size, v},
                   r = {c[0], c[1], u, v + size}, s = {c[2], c[3], u + size, v + size};
            draw_triangle(sheet, &table, &p, &q, &r, kind == WARP_BLENDED, to, width, height);
            draw_triangle(sheet, &table, &q, &s, &r, kind == WARP_BLENDED, to, width, height);
        }
}

// MARK: Folds

INLINE float twice_area(const float *a, const float *b, const float *c) {
    return (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
}

/// The smaller half of a cell, in pixels twice.
INLINE float smaller_half(const float *a, size_t line) {
    const float *c = a + line;
    float first = twice_area(a, a + 2, c), second = twice_area(a + 2, c + 2, c);
    return first < second ? first : second;
}

float warp_least(const warp_sheet *sheet, const float *places) {
    size_t line = 2 * ((size_t)sheet->columns + 1);
    float least = INFINITY;
    for (int j = 0; j < sheet->rows; j++)
        for (int i = 0; i < sheet->columns; i++) {
            if (sheet->draw[(size_t)j * sheet->columns + i] == WARP_HIDDEN) continue;
            float half = smaller_half(places + (size_t)j * line + 2 * i, line);
            least = half < least ? half : least;
        }
    return least / (float)(sheet->cell * sheet->cell);
}

/// Nodes around a cell that are smoothed with it: at first, and one more after so many sweeps.
enum { REACH = 2, PATIENCE = 8 };

int warp_smooth(const warp_sheet *sheet, float least, int sweeps, float *scratch, float *places) {
    int columns = sheet->columns + 1, rows = sheet->rows + 1, cell = sheet->cell;
    size_t line = 2 * (size_t)columns;
    float needed = least * (float)(cell * cell), *marks = scratch + (size_t)rows * line;
    for (int sweep = 0; sweep < sweeps; sweep++) {
        int reach = REACH + sweep / PATIENCE;
        int first_row = rows, last_row = -1, first_column = columns, last_column = -1;
        for (int j = 0; j < sheet->rows; j++)
            for (int i = 0; i < sheet->columns; i++) {
                if (sheet->draw[(size_t)j * sheet->columns + i] == WARP_HIDDEN) continue;
                if (smaller_half(places + (size_t)j * line + 2 * i, line) >= needed) continue;
                if (last_row < 0) memset(marks, 0, (size_t)rows * columns * sizeof *marks);
                int top = j - reach < 1 ? 1 : j - reach;
                int bottom = j + 1 + reach > rows - 2 ? rows - 2 : j + 1 + reach;
                int left = i - reach < 1 ? 1 : i - reach;
                int right = i + 1 + reach > columns - 2 ? columns - 2 : i + 1 + reach;
                for (int y = top; y <= bottom; y++)
                    for (int x = left; x <= right; x++) marks[y * columns + x] = 1;
                first_row = top < first_row ? top : first_row;
                last_row = bottom > last_row ? bottom : last_row;
                first_column = left < first_column ? left : first_column;
                last_column = right > last_column ? right : last_column;
            }
        if (last_row < 0) return sweep;
        // A node goes where the mean of its four neighbours lies: their own places cancel out, what is
        // left is the mean of their movements.
        for (int y = first_row; y <= last_row; y++)
            for (int x = first_column; x <= last_column; x++) {
                if (marks[y * columns + x] == 0) continue;
                const float *p = places + (size_t)y * line + 2 * x;
                for (int k = 0; k < 2; k++)
                    scratch[(size_t)y * line + 2 * x + k] =
                        0.25f * ((p[k - 2] + p[k + 2]) + (p[k - (ptrdiff_t)line] + p[k + line]));
            }
        for (int y = first_row; y <= last_row; y++)
            for (int x = first_column; x <= last_column; x++)
                if (marks[y * columns + x] != 0)
                    memcpy(places + (size_t)y * line + 2 * x, scratch + (size_t)y * line + 2 * x,
                           2 * sizeof(float));
    }
    return sweeps;
}
