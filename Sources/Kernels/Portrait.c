#include "Portrait.h"

#include <math.h>

#include "Vector.h"

// Signed distances to smooth solids, followed by rays that run along -z. Distances and
// blends are Inigo Quilez's well-known formulas. The head has its own frame (x right, y up, z to
// the viewer, chin to crown about -1 to 1); body and light stay in the picture's.

typedef float vf;  // one ray's value; loops over `LANES` rays become vectors
typedef struct {
    vf x, y, z;
} v3;

INLINE vf vmin(vf a, vf b) { return a < b ? a : b; }
INLINE vf vmax(vf a, vf b) { return a > b ? a : b; }
INLINE vf vabs(vf a) { return fabsf(a); }
INLINE vf root(vf a) { return sqrtf(a); }
INLINE vf unit(vf a) { return vmin(vmax(a, 0), 1); }
INLINE vf mix(vf a, vf b, vf t) { return a + (b - a) * t; }
/// 0 below `a`, 1 above `b`, smooth between; falls when `b` < `a`.
INLINE vf ramp(float a, float b, vf x) {
    vf t = unit((x - a) / (b - a));
    return t * t * (3 - 2 * t);
}
/// A wave of period 1 between 0 and 1.
INLINE vf wave(vf x) {
    vf t = x - floorf(x);
    return 4 * t * (1 - t);
}
INLINE vf dot(v3 a, v3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
INLINE v3 scaled(v3 a, vf s) { return (v3){a.x * s, a.y * s, a.z * s}; }
INLINE v3 normal(v3 a) { return scaled(a, 1 / root(dot(a, a) + 1e-12f)); }
INLINE v3 from(v3 p, float x, float y, float z) { return (v3){p.x - x, p.y - y, p.z - z}; }
INLINE vf length(v3 p) { return root(dot(p, p)); }
INLINE vf ball(v3 p, float x, float y, float z, float r) { return length(from(p, x, y, z)) - r; }
INLINE vf egg(v3 p, float x, float y, float z, float a, float b, float c) {
    v3 q = {(p.x - x) * (1 / a), (p.y - y) * (1 / b), (p.z - z) * (1 / c)};
    v3 g = {q.x * (1 / a), q.y * (1 / b), q.z * (1 / c)};
    vf k = root(dot(q, q));
    return k * (k - 1) / (length(g) + 1e-6f);
}
INLINE vf rod(v3 p, float ax, float ay, float az, float bx, float by, float bz, float r) {
    v3 a = from(p, ax, ay, az);
    float dx = bx - ax, dy = by - ay, dz = bz - az;
    vf t = unit((a.x * dx + a.y * dy + a.z * dz) / (dx * dx + dy * dy + dz * dz));
    v3 q = {a.x - t * dx, a.y - t * dy, a.z - t * dz};
    return length(q) - r;
}
/// The smaller of two, rounded off over `k`.
INLINE vf join(vf a, vf b, float k) {
    vf h = vmax(k - vabs(a - b), 0) * (1 / k);
    return vmin(a, b) - h * h * (k * 0.25f);
}
INLINE vf carve(vf a, vf b, float k) { return -join(-a, b, k); }

/// All that is the same for every ray of a picture.
typedef struct {
    portrait_look look;
    portrait_pose pose;
    float r[9];  // the head's frame in the picture's, row by row
    float jaw_drop, gap, mouth_width, lid_cos, lid_sin, lid_bow, eye;
} scene;

/// Distances to what a ray may meet.
typedef struct {
    vf skin, eye, hair, shirt, gap;
} parts;

static const float eye_x = 0.30f, eye_y = 0.03f, eye_z = 0.455f, pivot_y = -0.7f, pivot_z = -0.25f;

/// Where a point of the picture's frame is in the head's.
INLINE v3 to_head(const scene *s, v3 p) {
    vf x = p.x - s->pose.x, y = p.y - s->pose.y - pivot_y, z = p.z - pivot_z;
    const float *r = s->r;
    return (v3){r[0] * x + r[3] * y + r[6] * z, r[1] * x + r[4] * y + r[7] * z + pivot_y,
                r[2] * x + r[5] * y + r[8] * z + pivot_z};
}

/// Signed distance above the upper lid's edge (positive is covered), and below the lower one's.
INLINE vf upper_lid(const scene *s, v3 e) {
    return e.y * s->lid_cos - e.z * s->lid_sin + s->lid_bow * e.x * e.x;
}
INLINE vf lower_lid(v3 e) { return -e.y * 0.93f - e.z * 0.36f + 1.1f * e.x * e.x; }

INLINE vf skin_distance(const scene *s, v3 p, v3 q, vf *gap) {
    float w = s->look.jaw, j = s->jaw_drop, n = s->look.nose, e = s->eye;
    vf d = egg(p, 0, 0.27f, -0.12f, 0.77f, 0.86f, 0.86f);
    d = join(d, egg(p, 0, -0.27f - j * 0.4f, 0.06f, 0.59f * w, 0.80f, 0.69f), 0.35f);
    d = join(d, egg(p, 0, -0.88f - j, 0.38f, 0.22f * w, 0.16f, 0.18f), 0.32f);
    d = join(d, ball(q, 0.33f, -0.25f, 0.40f, 0.27f), 0.22f);
    d = carve(d, ball(q, 0.31f, 0.04f, 0.95f, 0.25f), 0.18f);
    d = join(d, egg(q, 0.22f, 0.27f, 0.60f, 0.16f, 0.05f, 0.08f), 0.16f);
    // Nose: bridge, tip, wings.
    vf nose = rod(p, 0, 0.12f, 0.68f, 0, -0.24f * n, 0.86f, 0.07f);
    nose = join(nose, egg(p, 0, -0.27f * n, 0.885f, 0.10f, 0.09f, 0.10f), 0.10f);
    nose = join(nose, ball(q, 0.095f * n, -0.30f * n, 0.80f, 0.058f), 0.06f);
    d = join(d, nose, 0.12f);
    // Lips, and the gap between them, bent to a slight smile.
    p.y -= 0.8f * q.x * q.x, q.y = p.y;
    float m = s->mouth_width;
    vf lips = egg(q, 0.07f, -0.545f, 0.705f, 0.19f * m, 0.055f, 0.085f);
    lips = join(lips, egg(p, 0, -0.655f - 1.5f * j, 0.70f - 0.3f * j, 0.19f * m, 0.07f, 0.085f),
                0.03f);
    d = join(d, lips, 0.07f);
    *gap = egg(p, 0, -0.597f - 0.75f * j, 0.76f, 0.215f * m, s->gap, 0.24f);
    d = carve(d, *gap, 0.02f);
    p.y += 0.8f * q.x * q.x, q.y = p.y;
    // Ears, lids.
    d = join(d, egg(q, 0.77f, -0.02f, -0.08f, 0.08f, 0.22f, 0.14f), 0.06f);
    v3 c = from(q, eye_x, eye_y, eye_z);
    vf shell = length(c) - 0.250f * e;
    vf lids = vmin(vmax(shell, -upper_lid(s, c)), vmax(shell, -lower_lid(c)));
    return join(d, lids, 0.05f);
}

INLINE vf hair_distance(const scene *s, v3 p, v3 q) {
    vf d = egg(p, 0, 0.40f, -0.17f, 0.86f, 0.89f, 0.90f);
    if (s->look.hair_length > 0) {
        float l = s->look.hair_length;
        d = join(d, egg(q, 0.68f, -0.35f * l, -0.25f, 0.27f, 0.95f * l, 0.45f), 0.3f);
    }
    vf face = egg(p, 0.12f, -0.34f, 0.62f, 0.715f, 1.06f, 0.80f);
    d = carve(d, face, 0.10f);
    vf strands = wave(p.x * 5 + 1.2f * p.y * p.x + 1.7f * p.z);
    return d - 0.012f * strands;
}

INLINE void measure(const scene *s, v3 world, parts *d) {
    v3 p = to_head(s, world);
    v3 q = {vabs(p.x), p.y, p.z};
    d->skin = skin_distance(s, p, q, &d->gap);
    d->eye = ball(q, eye_x, eye_y, eye_z, 0.232f * s->eye);
    d->hair = hair_distance(s, p, q);
    vf neck = rod(world, 0.5f * s->pose.x, -0.6f + s->pose.y, -0.22f, 0, -1.7f, -0.30f, 0.36f);
    d->skin = join(d->skin, neck, 0.10f);
    v3 side = {vabs(world.x), world.y, world.z};
    vf body = egg(side, 0, -2.45f, -0.30f, 1.05f, 1.05f, 0.62f);
    body = join(body, ball(side, 0.98f, -1.98f, -0.30f, 0.36f), 0.45f);
    d->shirt = body;
    d->skin = join(d->skin, egg(side, 0, -1.72f, -0.16f, 0.62f, 0.40f, 0.42f), 0.12f);
}

INLINE vf nearest(const parts *d) {
    return vmin(vmin(d->skin, d->eye), vmin(d->hair, d->shirt));
}
INLINE vf field(const scene *s, v3 p) {
    parts d;
    measure(s, p, &d);
    return nearest(&d);
}

typedef struct {
    vf r, g, b;
} colour;
INLINE colour flat(const float *c) { return (colour){c[0], c[1], c[2]}; }
INLINE colour blend(colour a, colour b, vf t) {
    return (colour){mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t)};
}
INLINE colour times(colour a, vf t) { return (colour){a.r * t, a.g * t, a.b * t}; }

/// Skin with blush, lips, brows and the inside of the mouth painted on, in the head's frame.
INLINE colour paint_skin(const scene *s, v3 p, v3 q, vf gap) {
    colour c = flat(s->look.skin);
    colour lips = flat(s->look.lips), hair = flat(s->look.hair);
    vf front = ramp(0.15f, 0.4f, p.z);
    v3 cheek = from(q, 0.40f, -0.26f, 0.55f);
    c = blend(c, lips, 0.30f * ramp(0.34f, 0.0f, length(cheek)) * front);
    c = blend(c, lips, 0.16f * ramp(0.2f, 0.0f, ball(p, 0, -0.27f, 0.95f, 0)));
    // Lips: two flat eggs around the gap, the upper one with a bow.
    float j = s->jaw_drop, m = s->mouth_width;
    vf mouth_y = p.y - 0.8f * q.x * q.x;
    vf bow = 0.022f * ramp(0.07f, 0.0f, q.x);
    vf ux = q.x / (0.255f * m), uy = (mouth_y + 0.575f) / 0.085f;
    vf upper = ux * ux + (uy + bow * 9) * (uy + bow * 9);
    vf ly = (mouth_y + 0.628f + 1.4f * j) / 0.098f;
    vf lx = q.x / (0.225f * m);
    vf lower = lx * lx + ly * ly;
    vf lip = vmax(ramp(1.05f, 0.8f, upper), ramp(1.05f, 0.8f, lower));
    c = blend(c, lips, 0.85f * lip * front);
    colour dark = {0.24f, 0.06f, 0.07f}, tongue = {0.62f, 0.25f, 0.25f}, teeth = {0.93f, 0.91f, 0.87f};
    colour inside = blend(dark, tongue, ramp(0.66f + j, 0.74f + 1.6f * j, -mouth_y) * 0.8f);
    vf tooth = ramp(0.632f, 0.615f, -mouth_y) * ramp(0.18f, 0.14f, q.x);
    inside = blend(inside, teeth, tooth * unit(s->pose.mouth_open * 6));
    c = blend(c, inside, ramp(0.016f, 0.004f, gap) * front);
    // Brows: a bow over each eye, thick inside, thin outside.
    vf t = (q.x - 0.11f) / 0.40f;
    vf middle = 0.335f + s->pose.brows * 0.08f + 0.09f * t - 0.12f * t * t * t;
    vf thick = 0.042f * (1 - 0.65f * unit(t));
    vf brow = ramp(1.3f, 0.6f, vabs(p.y - middle) / thick) * ramp(-0.06f, 0.04f, t)
              * ramp(0.96f, 0.72f, t);
    c = blend(c, times(hair, 0.75f), 0.9f * brow * front);
    // Lashes along the edges of the lids.
    v3 e = from(q, eye_x, eye_y, eye_z);
    vf near = ramp(0.275f, 0.255f, length(e) / s->eye) * ramp(0.02f, 0.09f, e.z);
    vf lash = ramp(0.032f, 0.012f, vabs(upper_lid(s, e))) * near;
    vf fold = ramp(0.014f, 0.0f, vabs(upper_lid(s, e) - 0.075f)) * near * 0.35f;
    vf under = ramp(0.016f, 0.0f, vabs(lower_lid(e))) * near * 0.4f;
    colour line = {0.10f, 0.06f, 0.06f};
    return blend(c, line, vmax(lash, vmax(fold, under)));
}

/// White, iris and pupil, with the lids' shadow.
INLINE colour paint_eye(const scene *s, v3 p, v3 q) {
    v3 e = from(q, eye_x, eye_y, eye_z);
    vf sign = p.x < 0 ? -1.0f : 1.0f;
    float gx = s->pose.gaze_x, gy = s->pose.gaze_y;
    float g = 1 / sqrtf(gx * gx + gy * gy + 1);
    v3 n = normal(e);
    vf along = (n.x * sign * gx + n.y * gy + n.z) * g;
    vf angle = root(vmax(2 - 2 * along, 0));
    colour white = {0.95f, 0.94f, 0.93f}, black = {0.03f, 0.03f, 0.04f};
    colour iris = blend(flat(s->look.iris), times(flat(s->look.iris), 1.6f), ramp(0.2f, 0.45f, angle)
                        * ramp(0.05f, -0.12f, n.y));
    iris = blend(iris, times(flat(s->look.iris), 0.35f), ramp(0.42f, 0.50f, angle));
    colour c = blend(iris, white, ramp(0.48f, 0.53f, angle));
    c = blend(black, c, ramp(0.20f, 0.24f, angle));
    return times(c, 0.55f + 0.45f * ramp(0.0f, 0.10f, -upper_lid(s, e)));
}

/// Light on a surface: key from the upper left, fill, sky, rim, and a highlight.
INLINE colour shade(v3 n, vf occlusion, colour base, float gloss, float softness) {
    const v3 key = {-0.46f, 0.58f, 0.67f};
    vf lambert = dot(n, key);
    vf lit = unit(mix(lambert, (lambert + 0.45f) * 0.69f, softness));
    vf fill = unit(0.75f * n.x + 0.1f * n.y + 0.6f * n.z) * 0.22f;
    vf sky = 0.30f + 0.12f * n.y;
    vf rim = unit(1 - n.z);
    rim = rim * rim * rim * 0.05f * unit(n.y + 0.6f);
    vf r = lit * 0.78f + (fill + sky) * occlusion;
    // Light that passed through skin comes back red.
    vf warm = softness * 0.07f * unit(1 - vabs(lambert - 0.05f) * 3);
    colour c = {base.r * (r * 1.02f + warm), base.g * r, base.b * (r * 0.98f)};
    v3 half = normal((v3){key.x, key.y, key.z + 1});
    vf shine = unit(dot(n, half));
    shine *= shine, shine *= shine, shine *= shine;
    shine = mix(shine * shine, shine * shine * shine * shine * shine * shine * shine, unit(gloss * 2 - 1));
    vf add = (shine * gloss * 0.55f + rim) * occlusion;
    return (colour){c.r + add, c.g + add, c.b + add};
}

/// A soft studio wall behind the person.
INLINE colour backdrop(const scene *s, vf x, vf y) {
    vf d = x * x * 0.13f + (y - 0.3f) * (y - 0.3f) * 0.11f;
    return times(flat(s->look.backdrop), 1.12f - 0.42f * unit(d));
}

/// Colour of a point whose normal and openness to the sky are known.
INLINE colour surface(const scene *s, v3 p, v3 n, vf open, float pixel) {
    parts d;
    measure(s, p, &d);
    v3 h = to_head(s, p);
    v3 q = {vabs(h.x), h.y, h.z};
    colour skin = shade(n, open, paint_skin(s, h, q, d.gap), 0.30f, 1);
    vf along = h.x * 5 + 1.2f * h.y * h.x + 1.7f * h.z;
    vf strand = 0.82f + 0.12f * wave(along * 5) + 0.16f * wave(along * 2.3f + 0.4f * h.y);
    colour hair = shade(n, open, times(flat(s->look.hair), strand), 0.35f, 0.2f);
    colour eye = shade(n, open, paint_eye(s, h, q), 0.95f, 0.6f);
    colour shirt = shade(n, open, flat(s->look.shirt), 0.05f, 0.3f);
    float soft = 0.5f / pixel;
    colour c = blend(skin, eye, unit(0.5f + (d.skin - d.eye) * soft));
    c = blend(c, shirt, unit(0.5f + (vmin(d.skin, d.eye) - d.shirt) * soft));
    vf rest = vmin(vmin(d.skin, d.eye), d.shirt);
    return blend(c, hair, unit(0.5f + (rest - d.hair) * soft));
}

/// Rays side by side in a row: where each is, how near it came to anything, and what it covers.
typedef struct {
    vf x[LANES], z[LANES], closest[LANES], cover[LANES], nx[LANES], ny[LANES], nz[LANES], open[LANES];
    vf y;
} rays;

/// Follows rays until they meet something or leave; says whether any came within a pixel of it.
INLINE int march(const scene *s, rays *r, float pixel) {
    vf best[LANES];
    for (int l = 0; l < LANES; l++) r->z[l] = best[l] = 1.25f, r->closest[l] = 1e9f;
    for (int i = 0; i < 48; i++) {
        vf step[LANES], furthest = 0;
        for (int l = 0; l < LANES; l++) {
            vf d = field(s, (v3){r->x[l], r->y, r->z[l]});
            vf runs = r->closest[l] > 0.25f * pixel && r->z[l] > -1.3f ? 1.0f : 0.0f;
            best[l] = runs > 0 && d < r->closest[l] ? r->z[l] : best[l];
            r->closest[l] = runs > 0 ? vmin(d, r->closest[l]) : r->closest[l];
            step[l] = runs * vmax(d * 0.9f, 0.2f * pixel);
        }
        for (int l = 0; l < LANES; l++) {
            r->z[l] -= step[l];
            furthest = vmax(furthest, step[l]);
        }
        if (furthest == 0) break;
    }
    // Edges are soft only before the backdrop: a ray that slows down at an edge and runs out of
    // steps has something behind that edge.
    vf any = 0;
    for (int l = 0; l < LANES; l++) {
        r->cover[l] = r->z[l] <= -1.3f ? unit(1.25f - r->closest[l] / pixel) : 1.0f;
        r->z[l] = best[l];
        any = vmax(any, r->cover[l]);
    }
    return any > 0;
}

/// Normals, from four distances at a tetrahedron's corners, and openness to the sky.
INLINE void survey(const scene *s, rays *r) {
    const float h = 0.004f;
    for (int l = 0; l < LANES; l++) r->nx[l] = r->ny[l] = r->nz[l] = 0, r->open[l] = 1;
    for (int i = 0; i < 4; i++) {
        float x = i == 1 || i == 3 ? h : -h, y = i == 0 || i == 3 ? h : -h, z = i < 2 ? -h : h;
        for (int l = 0; l < LANES; l++) {
            vf d = field(s, (v3){r->x[l] + x, r->y + y, r->z[l] + z});
            r->nx[l] += x * d, r->ny[l] += y * d, r->nz[l] += z * d;
        }
    }
    for (int l = 0; l < LANES; l++) {
        vf k = 1 / root(r->nx[l] * r->nx[l] + r->ny[l] * r->ny[l] + r->nz[l] * r->nz[l] + 1e-20f);
        r->nx[l] *= k, r->ny[l] *= k, r->nz[l] *= k;
    }
    for (int i = 0; i < 2; i++) {
        float reach = i ? 0.42f : 0.12f;
        for (int l = 0; l < LANES; l++) {
            vf d = field(s, (v3){r->x[l] + r->nx[l] * reach, r->y + r->ny[l] * reach,
                                 r->z[l] + r->nz[l] * reach});
            r->open[l] *= 0.45f + 0.55f * unit(d / reach);
        }
    }
}

static scene prepare(const portrait_look *look, const portrait_pose *pose) {
    scene s = {*look, *pose};
    float cy = cosf(pose->yaw), sy = sinf(pose->yaw), cp = cosf(pose->pitch),
          sp = sinf(pose->pitch), cr = cosf(-pose->roll), sr = sinf(-pose->roll);
    // Roll after pitch after yaw.
    float yaw[9] = {cy, 0, sy, 0, 1, 0, -sy, 0, cy};
    float pitch[9] = {1, 0, 0, 0, cp, sp, 0, -sp, cp};
    float roll[9] = {cr, -sr, 0, sr, cr, 0, 0, 0, 1};
    float both[9];
    for (int i = 0; i < 9; i++) {
        both[i] = 0;
        for (int k = 0; k < 3; k++) both[i] += yaw[i / 3 * 3 + k] * pitch[k * 3 + i % 3];
    }
    for (int i = 0; i < 9; i++) {
        s.r[i] = 0;
        for (int k = 0; k < 3; k++) s.r[i] += roll[i / 3 * 3 + k] * both[k * 3 + i % 3];
    }
    s.jaw_drop = 0.10f * pose->mouth_open;
    s.gap = 0.010f + 0.105f * pose->mouth_open;
    s.mouth_width = 1 + 0.25f * pose->mouth_wide - 0.12f * pose->mouth_open;
    float lid = 0.42f - 0.80f * pose->blink;
    s.lid_cos = cosf(lid);
    s.lid_sin = sinf(lid);
    s.lid_bow = 1.5f - 2.6f * pose->blink;
    s.eye = look->eyes;
    return s;
}

/// Whether rays between two columns can meet anything: body below, or the circle that the head
/// stays in however it turns.
static int in_reach(const scene *s, float left, float right, float y) {
    if (y < -0.95f) return 1;
    float dx = fmaxf(fmaxf(left - s->pose.x, s->pose.x - right), 0), dy = y - s->pose.y - 0.05f;
    float reach = 1.45f + 0.3f * s->look.hair_length;
    return dx * dx + dy * dy < reach * reach;
}

CLONES void portrait_draw(const portrait_look *look, const portrait_pose *pose, int size, int first,
                          int last, uint8_t *to) {
    scene s = prepare(look, pose);
    float pixel = 3.5f / size;
    for (int row = first; row < last; row++) {
        rays r;
        r.y = (0.5f * size - row - 0.5f) * pixel - 0.13f;
        for (int column = 0; column < size; column += LANES) {
            vf red[LANES], green[LANES], blue[LANES];
            for (int l = 0; l < LANES; l++) r.x[l] = (l + column + 0.5f - 0.5f * size) * pixel;
            int hit = in_reach(&s, r.x[0], r.x[LANES - 1], r.y) && march(&s, &r, pixel);
            if (hit) survey(&s, &r);
            for (int l = 0; l < LANES; l++) {
                colour c = backdrop(&s, r.x[l], r.y);
                red[l] = c.r, green[l] = c.g, blue[l] = c.b;
            }
            for (int l = 0; hit && l < LANES; l++) {
                colour c = surface(&s, (v3){r.x[l], r.y, r.z[l]},
                                   (v3){r.nx[l], r.ny[l], r.nz[l]}, r.open[l], pixel);
                vf cover = r.cover[l];
                red[l] = mix(red[l], c.r, cover);
                green[l] = mix(green[l], c.g, cover);
                blue[l] = mix(blue[l], c.b, cover);
            }
            uint8_t *p = to + ((long)row * size + column) * 3;
            for (int l = 0; l < LANES && column + l < size; l++) {
                p[3 * l] = (uint8_t)(unit(red[l]) * 255 + 0.5f);
                p[3 * l + 1] = (uint8_t)(unit(green[l]) * 255 + 0.5f);
                p[3 * l + 2] = (uint8_t)(unit(blue[l]) * 255 + 0.5f);
            }
        }
    }
}
