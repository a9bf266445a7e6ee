// Portraits of invented people: signed distances, sphere tracing, orthographic camera.
//
// Head space: x to the right, y down, z away from the camera, so that the nose points to -z; the
// head is about 1 high from its middle. A picture spans -1...1, and a head point k is seen at
// s R k + t: the convention of the motion extractor, so that key points are exact labels.
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { // identity, in the order of faces/identity.py
    SKIN = 0, HAIR = 3, IRIS = 6, LIPS = 9, CLOTH = 12, BACK1 = 15, BACK2 = 18, FRAME = 21,
    SKULL = 24, JAW, CHIN, NOSE_LENGTH, NOSE_WIDTH, EYE_SPACING, EYE_Y, EYE_WIDTH, EYE_HEIGHT,
    BROW_THICKNESS, BROW_Y, MOUTH_WIDTH, LIP_THICKNESS, MOUTH_Y, STYLE, VOLUME, FRINGE, BEARD,
    FRECKLES, GLASSES, LIGHT_X, LIGHT_Y, LIGHT_Z, AMBIENT, SEED, EARS, BACK_ANGLE, BLUSH,
    IDENTITY_COUNT
};
enum { // motion, in the order of faces/motion.py
    YAW, PITCH, ROLL, T_X, T_Y, SCALE, LID_L, LID_R, GAZE_X, GAZE_Y, BROW_UP, BROW_TILT, OPEN,
    WIDE, SMILE, MOTION_COUNT
};
enum { BALD, SHORT, BOWL, BOB, LONG, BUN, CURLY, QUIFF };
enum { NONE, SKIN_M, HAIR_M, CLOTH_M, FRAME_M };

typedef struct {
    float skull, jaw, chin, noseL, noseW, es, ey, ears, open, my;
    float volume, fringe, back, bottom, front, wave;
    float tail, bun, quiff, frame, frameRound;
    float r[9]; // row-major R
} Head;

static inline __attribute__((always_inline)) float ellipsoid(
    float x, float y, float z, float a, float b, float c) {
    float u = x / a, v = y / b, w = z / c;
    float k0 = sqrtf(u * u + v * v + w * w + 1e-9f);
    u /= a, v /= b, w /= c;
    return k0 * (k0 - 1) / sqrtf(u * u + v * v + w * w + 1e-9f);
}
static inline __attribute__((always_inline)) float joined(float a, float b, float k) {
    float h = fmaxf(k - fabsf(a - b), 0);
    return fminf(a, b) - h * h / (4 * k);
}
static inline __attribute__((always_inline)) float cut(float a, float b, float k) {
    return -joined(-a, b, k);
}

static inline __attribute__((always_inline)) float skin(
    float x, float y, float z, const Head *h) {
    float ax = fabsf(x);
    float d = ellipsoid(x, y + .2f, z - .1f, h->skull, .8f, .86f);
    float jaw = ellipsoid(
        x, y - .36f - .10f * h->open, z + .12f, h->jaw, h->chin + .05f * h->open, .58f);
    d = joined(d, jaw, .3f);
    d = cut(d, ellipsoid(ax - h->es, y - h->ey, z + .93f, .2f, .12f, .16f), .12f);
    float nose = ellipsoid(
        x, y - h->ey - .16f - .5f * h->noseL, z + .76f + .2f * (y - .1f), h->noseW * .6f,
        h->noseL * .6f, .13f);
    float tip = ellipsoid(
        x, y - h->ey - .13f - h->noseL, z + .80f, h->noseW, .085f, .12f);
    d = joined(d, joined(nose, tip, .1f), .1f);
    d = joined(d, ellipsoid(x, y - h->my - .04f * h->open, z + .62f, .26f, .2f, .13f), .12f);
    float ear = ellipsoid(ax - h->skull - .01f, y - .02f, z - .12f, .07f, h->ears, .11f);
    return joined(d, ear, .05f);
}
static inline __attribute__((always_inline)) float hair(
    float x, float y, float z, const Head *h, int curly) {
    float v = h->volume, ax = fabsf(x);
    float d = ellipsoid(x, y + .24f, z - .16f, h->skull + .06f + v, .8f + v, .86f + v);
    float tail = ellipsoid(x, y - .3f, z - .34f, h->skull + .1f + v, 1.05f, .5f) + h->tail;
    d = joined(d, tail, .15f);
    float line = h->fringe + .25f * ax * ax;
    float hole = fmaxf(z - h->front, line - y);
    d = cut(d, hole, .08f);
    d = cut(d, h->bottom - y, .06f);
    d = joined(d, ellipsoid(x, y + 1.12f, z - .25f, .3f, .26f, .3f) + h->bun, .06f);
    d = joined(d, ellipsoid(x, y + .9f, z + .35f, .45f, .2f, .42f) + h->quiff, .12f);
    if (curly)
        d += .045f * sinf(10 * x + 2 * sinf(7 * y)) * sinf(9 * y + 2 * sinf(6 * z))
            * sinf(10 * z + 2 * sinf(8 * x));
    return d;
}
static inline __attribute__((always_inline)) float frames(
    float x, float y, float z, const Head *h) {
    float ax = fabsf(x), dx = ax - h->es, dy = y - h->ey - .02f;
    float a = fabsf(dx) - .16f, b = fabsf(dy) - .11f;
    float box = sqrtf(fmaxf(a, 0) * fmaxf(a, 0) + fmaxf(b, 0) * fmaxf(b, 0) + 1e-9f)
        + fminf(fmaxf(a, b), 0) - .05f;
    float ring = sqrtf(dx * dx + dy * dy + 1e-9f) - .2f;
    float flat = h->frameRound * ring + (1 - h->frameRound) * box;
    float dz = z + .93f - .25f * ax * ax;
    float rim = sqrtf(flat * flat + dz * dz + 1e-9f) - .026f;
    float bx = fmaxf(ax - (h->es - .2f), 0), by = y - h->ey + .03f;
    float bridge = sqrtf(bx * bx + by * by + dz * dz + 1e-9f) - .022f;
    float tx = ax - h->skull - .02f, ty = y - h->ey - .01f;
    float tz = fmaxf(fmaxf(-.8f - z, z - .1f), 0);
    float temple = sqrtf(tx * tx + ty * ty + tz * tz + 1e-9f) - .02f;
    return fminf(fminf(rim, bridge), temple) + h->frame;
}
static inline __attribute__((always_inline)) float neck(float x, float y, float z) {
    float t = fminf(fmaxf(y - .4f, 0), 1.2f);
    float dy = y - .4f - t, dx = x, dz = z - .22f;
    return sqrtf(dx * dx + dy * dy + dz * dz + 1e-9f) - .34f;
}
static inline __attribute__((always_inline)) float clothes(float x, float y, float z) {
    return joined(ellipsoid(x, y - 1.95f, z - .3f, 1.3f, .62f, .6f),
        ellipsoid(x, y - 1.5f, z - .28f, .52f, .22f, .48f), .3f);
}

/// Distance of everything at a body-space point b, of which q is the same in head space.
static inline __attribute__((always_inline)) float all(
    float bx, float by, float bz, const Head *h, int curly) {
    const float *r = h->r;
    float x = r[0] * bx + r[3] * by + r[6] * bz, y = r[1] * bx + r[4] * by + r[7] * bz;
    float z = r[2] * bx + r[5] * by + r[8] * bz;
    float d = fminf(skin(x, y, z, h), hair(x, y, z, h, curly));
    d = fminf(d, frames(x, y, z, h));
    d = fminf(d, joined(neck(bx, by, bz), 10, .1f));
    return fminf(d, clothes(bx, by, bz));
}
__attribute__((noinline)) static void distances(
    int n, const float *x, const float *y, const float *z, float *d, const Head *h, int curly) {
    if (curly) {
#pragma omp simd
        for (int i = 0; i < n; i++) d[i] = all(x[i], y[i], z[i], h, 1);
    } else {
#pragma omp simd
        for (int i = 0; i < n; i++) d[i] = all(x[i], y[i], z[i], h, 0);
    }
}

static Head prepare(const float *id, const float *m) {
    Head h = {
        .skull = id[SKULL], .jaw = id[JAW], .chin = id[CHIN], .noseL = id[NOSE_LENGTH],
        .noseW = id[NOSE_WIDTH], .es = id[EYE_SPACING], .ey = id[EYE_Y], .ears = id[EARS],
        .open = m[OPEN], .my = id[MOUTH_Y], .volume = id[VOLUME], .fringe = id[FRINGE],
        .frameRound = id[GLASSES] == 1, .frame = id[GLASSES] > 0 ? 0 : 9,
    };
    int style = (int)id[STYLE];
    h.tail = style == LONG ? 0 : 9, h.bun = style == BUN ? 0 : 9, h.quiff = style == QUIFF ? 0 : 9;
    static const float fronts[] = {0, .02f, .02f, -.2f, -.2f, .08f, 0, .02f};
    static const float bottoms[] = {0, .1f, .18f, .62f, 1.5f, .05f, .3f, .05f};
    h.front = fronts[style], h.bottom = bottoms[style];
    if (style == BALD) h.volume = -.5f;
    float k = (float)(M_PI / 180), x = m[PITCH] * k, y = m[YAW] * k, z = m[ROLL] * k;
    float sx = sinf(x), cx = cosf(x), sy = sinf(y), cy = cosf(y), sz = sinf(z), cz = cosf(z);
    float r[9] = {cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,
        sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx, -sy, cy * sx, cy * cx};
    memcpy(h.r, r, sizeof r);
    return h;
}

static float hash(float x, float y, float seed) {
    float v = sinf(x * 127.1f + y * 311.7f + seed * 74.7f) * 43758.547f;
    return v - floorf(v);
}
static float ramp(float a, float b, float x) {
    float t = fminf(fmaxf((x - a) / (b - a), 0), 1);
    return t * t * (3 - 2 * t);
}
static void blend(float *c, const float *to, float t) {
    for (int i = 0; i < 3; i++) c[i] += (to[i] - c[i]) * t;
}

static void eye(float *c, float x, float y, float closed, const float *id, const float *m) {
    float w = id[EYE_WIDTH], h = id[EYE_HEIGHT], u = x / w;
    float arch = fmaxf(1 - u * u, 0), lower = .6f * h * arch;
    float upper = -h * arch * (1 - closed) + closed * (lower - .012f);
    static const float white[3] = {.96f, .95f, .93f}, black[3] = {.05f, .04f, .04f};
    static const float shine[3] = {1, 1, 1};
    float dark[3] = {id[SKIN] * .35f, id[SKIN + 1] * .3f, id[SKIN + 2] * .28f};
    if (fabsf(u) < 1 && y > upper && y < lower) {
        memcpy(c, white, sizeof white);
        float dx = x - m[GAZE_X] * .42f * w, dy = y + .12f * h - m[GAZE_Y] * .4f * h;
        float r = sqrtf(dx * dx + dy * dy);
        if (r < .085f) blend(c, id + IRIS, 1);
        if (r < .04f) blend(c, black, 1);
        float hx = dx + .03f, hy = dy + .035f;
        if (hx * hx + hy * hy < .0006f) blend(c, shine, .9f);
        blend(c, dark, .45f * (1 - ramp(0, .05f, y - upper)));
    }
    if (fabsf(u) < 1.08f && fabsf(y - upper) < .022f) blend(c, dark, .9f);
    else if (fabsf(u) < 1 && y < upper && y > -1.25f * h * arch)
        blend(c, dark, .22f); // the lid
    else if (fabsf(u) < .9f && fabsf(y - lower) < .012f) blend(c, dark, .35f);
}
static void brow(float *c, float x, float y, float side, const float *id, const float *m) {
    // x runs outwards from the middle of the brow, -1...1.
    float u = x / (id[EYE_WIDTH] * 1.35f);
    if (fabsf(u) > 1) return;
    float middle = -.1f * (u + .2f) * 0 + .05f * (u - .1f) * (u - .1f) - .02f
        + m[BROW_TILT] * .075f * (-u) * 1.0f;
    float thick = id[BROW_THICKNESS] * (1 - .45f * fmaxf(u, -.2f));
    float dark[3] = {id[HAIR] * .6f, id[HAIR + 1] * .55f, id[HAIR + 2] * .55f};
    blend(c, dark, .92f * (1 - ramp(thick * .8f, thick * 1.2f, fabsf(y - middle))));
    (void)side;
}
static void mouth(float *c, float x, float y, const float *id, const float *m) {
    float half = id[MOUTH_WIDTH] * (1 + .32f * m[WIDE]) * (1 - .12f * m[OPEN]);
    float u = x / half, arch = fmaxf(1 - u * u, 0), round = sqrtf(arch);
    float curve = -m[SMILE] * .13f * (u * u - .35f), gap = .17f * m[OPEN];
    float at = y - curve - .55f * gap, lip = id[LIP_THICKNESS];
    static const float inside[3] = {.22f, .05f, .06f}, teeth[3] = {.96f, .95f, .92f};
    static const float tongue[3] = {.78f, .32f, .34f};
    if (fabsf(u) > 1.02f) return;
    float top = -gap * round, bottom = gap * round;
    float above = at - (top - lip * arch), below = (bottom + 1.25f * lip * arch) - at;
    if (above > 0 && below > 0) blend(c, id + LIPS, .9f);
    if (at > top && at < bottom) {
        memcpy(c, inside, sizeof inside);
        if (at < top + .065f && at < bottom - .02f) blend(c, teeth, 1);
        float tx = x / (half * .62f), ty = (at - gap * 1.05f) / (gap * .75f + .001f);
        if (tx * tx + ty * ty < 1) blend(c, tongue, 1);
    } else if (fabsf(at) < .013f && gap < .02f) blend(c, inside, .85f);
}

static void paint(float *c, int what, float x, float y, float z, const float *id, const float *m) {
    float ax = fabsf(x);
    if (what == HAIR_M) {
        memcpy(c, id + HAIR, 12);
        float a = atan2f(x, z + .25f) * 14 + (id[STYLE] == CURLY ? 5 * sinf(9 * y) : 2 * y);
        float k = 1 + .13f * sinf(a + id[SEED]) + .06f * sinf(2.3f * a + 4);
        for (int i = 0; i < 3; i++) c[i] *= k;
        return;
    }
    if (what == FRAME_M) { memcpy(c, id + FRAME, 12); return; }
    if (what == CLOTH_M) {
        memcpy(c, id + CLOTH, 12);
        if (id[SEED] > 5 && sinf(y * 22) > .3f)
            for (int i = 0; i < 3; i++) c[i] *= .75f;
        return;
    }
    memcpy(c, id + SKIN, 12);
    if (z > -.1f) return;
    float red[3] = {fminf(c[0] * 1.08f, 1), c[1] * .72f, c[2] * .7f};
    float cx = ax - .42f, cy = y - .26f;
    blend(c, red, id[BLUSH] * expf(-(cx * cx + cy * cy) * 22));
    if (id[FRECKLES] > 0 && fabsf(y - .2f) < .22f && ax > .1f && ax < .62f) {
        float gx = floorf(x * 15), gy = floorf(y * 15);
        float dx = x * 15 - gx - .3f - .4f * hash(gx, gy, id[SEED]);
        float dy = y * 15 - gy - .3f - .4f * hash(gy, gx, id[SEED]);
        float spot[3] = {c[0] * .72f, c[1] * .6f, c[2] * .52f};
        if (hash(gx, gy, id[SEED] + 3) < .65f && dx * dx + dy * dy < .06f)
            blend(c, spot, id[FRECKLES]);
    }
    if (id[BEARD] > 0) {
        float shape = ramp(.18f, .42f, y - .18f * (1 - ramp(.25f, .6f, ax)) + .1f);
        float dx = x / (id[MOUTH_WIDTH] * .9f), dy = (y - id[MOUTH_Y] - .02f) / .1f;
        shape *= 1 - .9f * (1 - ramp(.6f, 1.3f, dx * dx + dy * dy));
        float moustache = ramp(.05f, 0, fabsf(y - id[MOUTH_Y] + .12f)) * ramp(.3f, .2f, ax);
        float dark[3] = {id[HAIR] * .75f, id[HAIR + 1] * .72f, id[HAIR + 2] * .72f};
        blend(c, dark, id[BEARD] * fmaxf(shape, moustache));
    }
    if (fabsf(y - id[EYE_Y] - .13f - id[NOSE_LENGTH] - .055f) < .022f
        && fabsf(ax - id[NOSE_WIDTH] * .55f) < .03f)
        for (int i = 0; i < 3; i++) c[i] *= .62f;
    mouth(c, x, y - id[MOUTH_Y], id, m);
    float side = x < 0 ? -1 : 1, ex = ax - id[EYE_SPACING];
    eye(c, x - side * id[EYE_SPACING], y - id[EYE_Y], x < 0 ? m[LID_L] : m[LID_R], id, m);
    brow(c, ex, y - (id[EYE_Y] - .2f - id[BROW_Y] - .09f * m[BROW_UP]), side, id, m);
}

static void background(float *c, float x, float y, const float *id) {
    float a = id[BACK_ANGLE], t = .5f + .45f * (x * sinf(a) + y * cosf(a));
    memcpy(c, id + BACK1, 12);
    blend(c, id + BACK2, fminf(fmaxf(t, 0), 1));
}

enum { CHUNK = 512 };
/// Colours of n picture points in -1...1.
static void trace(
    int n, const float *px, const float *py, float *colours, const Head *h, const float *id,
    const float *m) {
    float bx[CHUNK], by[CHUNK], bz[CHUNK], d[CHUNK], hit[CHUNK];
    int at[CHUNK], live = n, curly = (int)id[STYLE] == CURLY;
    for (int i = 0; i < n; i++) {
        bx[i] = (px[i] - m[T_X]) / m[SCALE], by[i] = (py[i] - m[T_Y]) / m[SCALE];
        bz[i] = -1.45f, at[i] = i, hit[i] = 9;
    }
    for (int step = 0; step < 48 && live > 0; step++) {
        distances(live, bx, by, bz, d, h, curly);
        int kept = 0;
        for (int i = 0; i < live; i++) {
            float z = bz[i] + d[i] * .88f;
            if (d[i] < .004f) { hit[at[i]] = z; continue; }
            if (z > 1.2f) continue;
            bx[kept] = bx[i], by[kept] = by[i], bz[kept] = z, at[kept++] = at[i];
        }
        live = kept;
    }
    for (int i = 0; i < live; i++) if (d[i] < .03f) hit[at[i]] = bz[i];
    int found = 0;
    float gx[4][CHUNK];
    for (int i = 0; i < n; i++) {
        if (hit[i] > 8) { background(colours + 3 * i, px[i], py[i], id); continue; }
        bx[found] = (px[i] - m[T_X]) / m[SCALE], by[found] = (py[i] - m[T_Y]) / m[SCALE];
        bz[found] = hit[i], at[found++] = i;
    }
    static const float corners[4][3] = {{1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {1, 1, 1}};
    float ox[CHUNK], oy[CHUNK], oz[CHUNK];
    for (int k = 0; k < 4; k++) {
        const float e = .006f;
        for (int i = 0; i < found; i++)
            ox[i] = bx[i] + e * corners[k][0], oy[i] = by[i] + e * corners[k][1],
            oz[i] = bz[i] + e * corners[k][2];
        distances(found, ox, oy, oz, gx[k], h, curly);
    }
    const float *r = h->r;
    for (int i = 0; i < found; i++) {
        float nx = gx[0][i] - gx[1][i] - gx[2][i] + gx[3][i];
        float ny = -gx[0][i] - gx[1][i] + gx[2][i] + gx[3][i];
        float nz = -gx[0][i] + gx[1][i] - gx[2][i] + gx[3][i];
        float length = sqrtf(nx * nx + ny * ny + nz * nz) + 1e-9f;
        float x = r[0] * bx[i] + r[3] * by[i] + r[6] * bz[i];
        float y = r[1] * bx[i] + r[4] * by[i] + r[7] * bz[i];
        float z = r[2] * bx[i] + r[5] * by[i] + r[8] * bz[i];
        float ds = skin(x, y, z, h), dh = hair(x, y, z, h, curly), df = frames(x, y, z, h);
        float dn = neck(bx[i], by[i], bz[i]), dc = clothes(bx[i], by[i], bz[i]);
        int what = SKIN_M;
        float best = fminf(ds, dn);
        if (dh < best) best = dh, what = HAIR_M;
        if (df < best) best = df, what = FRAME_M;
        if (dc < best) best = dc, what = CLOTH_M;
        float *c = colours + 3 * at[i], colour[3];
        if (what == SKIN_M && dn < ds) memcpy(colour, id + SKIN, 12);
        else paint(colour, what, x, y, z, id, m);
        float light = (nx * id[LIGHT_X] + ny * id[LIGHT_Y] + nz * id[LIGHT_Z]) / length;
        float facing = -nz / length;
        float shade = id[AMBIENT] + (1 - id[AMBIENT]) * fmaxf(.35f + .65f * light, 0);
        shade *= .72f + .28f * ramp(0, .8f, facing);
        if (what == SKIN_M && dn < ds) shade *= .8f; // under the chin
        float gloss = (what == HAIR_M ? .18f : .06f) * powf(fmaxf(light, 0), 14);
        for (int k = 0; k < 3; k++) c[k] = fminf(colour[k] * shade * 1.12f + gloss, 1);
    }
}

static void picture(int size, const float *id, const float *m, uint8_t *rgb) {
    Head h = prepare(id, m);
    float first[3 * CHUNK], px[CHUNK], py[CHUNK];
    static __thread float base[3 * 512 * 512];
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++)
            px[x] = (2 * x + 1) / (float)size - 1, py[x] = (2 * y + 1) / (float)size - 1;
        trace(size, px, py, base + 3 * y * size, &h, id, m);
    }
    int queue[CHUNK / 4], queued = 0;
    static const float offsets[4][2] = {{-.375f, -.125f}, {.125f, -.375f}, {.375f, .125f}, {-.125f, .375f}};
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float *c = base + 3 * (y * size + x), most = 0;
            for (int k = 0; k < 3; k++) {
                if (x) most = fmaxf(most, fabsf(c[k] - c[k - 3]));
                if (x + 1 < size) most = fmaxf(most, fabsf(c[k] - c[k + 3]));
                if (y) most = fmaxf(most, fabsf(c[k] - c[k - 3 * size]));
                if (y + 1 < size) most = fmaxf(most, fabsf(c[k] - c[k + 3 * size]));
            }
            for (int k = 0; k < 3; k++)
                rgb[3 * (y * size + x) + k] = (uint8_t)(fminf(fmaxf(c[k], 0), 1) * 255 + .5f);
            if (most > .045f) {
                queue[queued] = y * size + x;
                for (int s = 0; s < 4; s++)
                    px[4 * queued + s] = (2 * (x + offsets[s][0]) + 1) / size - 1,
                    py[4 * queued + s] = (2 * (y + offsets[s][1]) + 1) / size - 1;
                queued++;
            }
            int last = y == size - 1 && x == size - 1;
            if (queued == CHUNK / 4 || (last && queued)) {
                trace(4 * queued, px, py, first, &h, id, m);
                for (int q = 0; q < queued; q++)
                    for (int k = 0; k < 3; k++) {
                        float sum = 0;
                        for (int s = 0; s < 4; s++) sum += first[3 * (4 * q + s) + k];
                        rgb[3 * queue[q] + k] = (uint8_t)(fminf(fmaxf(sum / 4, 0), 1) * 255 + .5f);
                    }
                queued = 0;
            }
        }
}

/// Renders `count` pictures of `size` x `size` x 3 bytes.
void render(int count, int size, const float *identities, const float *motions, uint8_t *rgb) {
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < count; i++)
        picture(size, identities + i * IDENTITY_COUNT, motions + i * MOTION_COUNT,
            rgb + (size_t)i * size * size * 3);
}

/// The 21 key points of a face at rest, x y z in head space, each on the skin.
void keypoints(const float *id, float *out) {
    float still[MOTION_COUNT] = {[SCALE] = 1};
    Head h = prepare(id, still);
    float es = id[EYE_SPACING], ey = id[EYE_Y], ew = id[EYE_WIDTH], my = id[MOUTH_Y];
    float tip = ey + .13f + id[NOSE_LENGTH], mw = id[MOUTH_WIDTH], nw = id[NOSE_WIDTH];
    float by = ey - .2f - id[BROW_Y], side = id[SKULL] * .86f;
    const float at[21][2] = {{0, ey - .1f}, {-es, ey}, {es, ey}, {-side, .16f}, {side, .16f},
        {-es - ew, ey}, {es + ew, ey}, {-es + ew, ey}, {es - ew, ey}, {-es, by}, {es, by},
        {0, ey + .1f}, {0, tip}, {-nw, tip}, {nw, tip}, {0, .3f + id[CHIN]}, {-mw, my}, {mw, my},
        {0, my - .05f}, {0, my + .06f}, {0, -.6f}};
    for (int i = 0; i < 21; i++) {
        float z = -1.5f;
        for (int step = 0; step < 80; step++) {
            float d = skin(at[i][0], at[i][1], z, &h);
            if (d < .001f || z > .2f) break;
            z += d * .8f;
        }
        out[3 * i] = at[i][0], out[3 * i + 1] = at[i][1], out[3 * i + 2] = fminf(z, .2f);
    }
}

int identity_count(void) { return IDENTITY_COUNT; }
int motion_count(void) { return MOTION_COUNT; }
