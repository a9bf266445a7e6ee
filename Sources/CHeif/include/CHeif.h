// Pictures of phones (HEIC, AVIF) by libheif, which is loaded when the first of them is opened: FFmpeg
// reads these formats by halves.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum {
    HEIF_SHIM_DONE = 0,
    HEIF_SHIM_NOT_INSTALLED = 1,
    /// libheif says why in `message`.
    HEIF_SHIM_FAILED = 2
} heif_outcome;

typedef struct {
    heif_outcome outcome;
    /// Of the upright picture.
    int width, height;
    int has_alpha;
    /// RGBA when there is alpha, else RGB, rows packed; to be freed by `free`, null unless asked for.
    uint8_t *pixels;
    /// The library's own words, when it did not succeed.
    char message[256];
} heif_picture;

/// Reads the main picture of a file as it is shown, or its size alone.
void heif_read(const char *path, int wants_pixels, heif_picture *picture);
