// A drawn person: what the demo's portrait and driving film show.
#pragma once
#include <stdint.h>

/// What a drawn person looks like; colours are red, green, blue in 0...1.
typedef struct {
    float skin[3], lips[3], hair[3], iris[3], shirt[3], backdrop[3];
    /// Width of the jaw and size of the eyes and nose; 1 is average.
    float jaw, eyes, nose;
    /// 0 is short hair, 1 falls to the shoulders.
    float hair_length;
} portrait_look;

/// What a drawn person does. Lengths are in half heights of the head, angles in radians.
typedef struct {
    /// Turn to the viewer's right, nod up, tilt to the viewer's right.
    float yaw, pitch, roll;
    /// Place of the head, right and up.
    float x, y;
    /// 0 is closed, 1 wide open; and how much wider than at rest.
    float mouth_open, mouth_wide;
    /// 0 is open, 1 shut.
    float blink;
    /// Where the eyes look, beside the head's own direction.
    float gaze_x, gaze_y;
    /// How far the brows go up.
    float brows;
} portrait_pose;

/// Draws rows `first` to `last` - 1 of a square picture of `size` pixels into `to` (packed RGB, the
/// whole picture's first byte). Rows do not depend on each other, so threads may share a picture.
void portrait_draw(const portrait_look *look, const portrait_pose *pose, int size, int first,
                   int last, uint8_t *to);
