#pragma once
#include <stdint.h>

// Tiles have `side` rows and columns of results, patches two more of input. Every function that
// depends on it is compiled for both sides.
enum { LARGE = 4, SMALL = 2, LARGEST_PATCH = LARGE + 2 };

// Polynomials are evaluated at 0, ±A, ±B and infinity. These two lose fewer digits than 1 and 2, and
// all their powers are exact.
#define A 0.625f
#define B 1.5f

/// Tiles of a side that cover an extent.
static inline int64_t tiles_across(int64_t extent, int64_t side) { return (extent + side - 1) / side; }
