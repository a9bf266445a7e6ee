// Animated WebP by libwebpdemux, which is loaded when the first of these files is opened: this FFmpeg
// reads still ones only.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct webp_film webp_film;

/// Opens an animation; `bytes` must stay where they are. Null when libwebpdemux is not installed
/// (`*is_installed` is 0 then) or the bytes are no complete animation.
webp_film *webp_film_open(const uint8_t *bytes, size_t count, int *is_installed);

void webp_film_close(webp_film *film);

void webp_film_size(const webp_film *film, int *width, int *height, int *frames);

/// The next whole picture, RGBA, rows packed, valid until the next call, and when it is no longer shown
/// in milliseconds; null at the end, `*is_damaged` when it comes too early.
const uint8_t *webp_film_next(webp_film *film, int *until, int *is_damaged);
