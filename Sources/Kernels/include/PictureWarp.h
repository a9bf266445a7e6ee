// Pictures that are bent: a grid of cells is laid over a picture, its nodes are moved, and the cells are
// drawn where their nodes went.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Steps between a place that stays and one that goes wholly along with a head.
enum { WARP_TURNS = 64 };

/// A head's turn: a place's share of it is 0 where the picture stays and 1 on the head.
typedef struct {
    /// What the head turns about, in pixels; z grows away from the viewer.
    float pivot[3];
    /// How far the pivot itself goes.
    float shift[2];
    /// The first two rows of turn times scale, for every 1/64 of a share.
    float turn[WARP_TURNS + 1][6];
} warp_pose;

/// A node of a grid, in pixels.
typedef struct {
    float x, y, depth;
    /// How far it goes along with the head, 0...1.
    float share;
} warp_node;

/// Writes where nodes go (x and y of each): first each moves by a weighted sum of two coefficients, then
/// it goes along with the head.
///
/// The weights of node i are those from `first[i]` up to `first[i + 1]`; each belongs to the coefficients
/// at `coefficients + centre * stride`.
void warp_places(const warp_node *nodes, int count, const int32_t *first, const uint16_t *centre,
                 const float *weight, const float *coefficients, int stride,
                 const warp_pose *pose, float *places);

/// How a cell is drawn.
enum { WARP_HIDDEN = 0, WARP_OPAQUE = 1, WARP_BLENDED = 2 };

/// A picture of red, green, blue and cover with a grid of square cells over it, whose first node lies at
/// its corner; and where that corner lies in the picture that is drawn.
typedef struct {
    const uint8_t *pixels;
    int width, height;
    int columns, rows, cell;
    int left, top;
    /// Of each cell, WARP_HIDDEN, WARP_OPAQUE or WARP_BLENDED.
    const uint8_t *draw;
} warp_sheet;

/// Draws a sheet, whose nodes have gone to `places`, over a packed RGB picture, by Catmull and Rom's
/// cubic. Cells that turned over are left out.
void warp_draw(const warp_sheet *sheet, const float *places, uint8_t *to, int width, int height);

/// The smallest area that a half of a drawn cell has now, by what it had: below 0, it has turned over.
float warp_least(const warp_sheet *sheet, const float *places);

/// Smooths the movement of nodes around cells that kept less than `least` of their area, until none is
/// left, at most `sweeps` times. `scratch` has room for three numbers a node.
///
/// Returns how often it smoothed; `sweeps` if some cells may be left.
int warp_smooth(const warp_sheet *sheet, float least, int sweeps, float *scratch, float *places);
