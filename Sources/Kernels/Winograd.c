#include "Winograd.h"
#include "Variant.h"
#include "WinogradPoints.h"

bool kernel_winograd_works(void) { return kernel_variant_here() != NULL; }

int64_t kernel_winograd_tiles(int64_t h, int64_t w, int64_t side) {
    return tiles_across(h, side) * tiles_across(w, side);
}
int64_t kernel_winograd_frequencies(int64_t side) { return (side + 2) * (side + 2); }
// One line more, so that the frequencies of a tile do not fall into one set of the cache.
int64_t kernel_winograd_stride(int64_t tiles, int64_t channels) {
    return tiles * channels + LANES;
}
int64_t kernel_winograd_strip(const kernel_winograd *s) {
    return (s->side + 2) * (s->side * tiles_across(s->w, s->side) + 2) * s->in_channels;
}
int64_t kernel_winograd_units(const kernel_winograd *s, kernel_format format) {
    return kernel_winograd_frequencies(s->side) * kernel_product_panels(s->out_channels, format);
}

// Three weights as a value per point: the polynomial there over the product of its distances from the
// other points. Small tiles have 0, 1, -1 and infinity.
static void transform_weights(const float *w, int64_t step, float *u, int64_t out_step, int side) {
    double w0 = w[0], w1 = w[step], w2 = w[2 * step];
    double a = A, b = B, near = 1 / (2 * a * a * (a * a - b * b)),
           far = 1 / (2 * b * b * (b * b - a * a));
    double large[] = {w0 / (a * a * b * b),
                      (w0 + a * w1 + a * a * w2) * near,
                      (w0 - a * w1 + a * a * w2) * near,
                      (w0 + b * w1 + b * b * w2) * far,
                      (w0 - b * w1 + b * b * w2) * far,
                      w2};
    double small[] = {w0, (w0 + w1 + w2) / 2, (w0 - w1 + w2) / 2, w2};
    for (int i = 0; i < side + 2; i++)
        u[i * out_step] = (float)(side == LARGE ? large[i] : small[i]);
}

void kernel_winograd_weights(const float *weights, int64_t in_channels, int64_t out_channels,
                             int64_t side, float scale, int64_t first, int64_t last, void *packed,
                             kernel_format format) {
    int64_t patch = side + 2, frequencies = patch * patch, panel = kernel_product_panel(format);
    for (int64_t p = 0; p < out_channels; p += panel) {
        int64_t width = out_channels - p < panel ? out_channels - p : panel;
        for (int64_t at = first * width; at < last * width; at++) {
            int64_t c = at / width, o = p + at % width;
            const float *w = weights + (o * in_channels + c) * 9;
            float half[LARGEST_PATCH * 3], whole[LARGEST_PATCH * LARGEST_PATCH];
            for (int j = 0; j < 3; j++) transform_weights(w + j, 3, half + j, 3, (int)side);
            for (int i = 0; i < patch; i++)
                transform_weights(half + 3 * i, 1, whole + patch * i, 1, (int)side);
            for (int f = 0; f < frequencies; f++)
                kernel_product_put(scale * whole[f], c, o - p, width, packed,
                                   f * in_channels * out_channels + p * in_channels, format);
        }
    }
}

void kernel_winograd_multiply(const kernel_winograd *s, const kernel_product *how,
                              int64_t tiles, int64_t first, int64_t last, const float *v,
                              int64_t v_stride, float *m, int64_t m_stride) {
    int64_t in = s->in_channels, out = s->out_channels;
    int64_t panels = kernel_product_panels(out, how->format);
    int64_t bytes = in * out * (how->format == KERNEL_FLOAT ? 4 : 2);
    while (first < last) {
        int64_t f = first / panels, panel = first % panels;
        int64_t count = panels - panel < last - first ? panels - panel : last - first;
        kernel_product product = {.x = v + f * v_stride,
                                  .x_stride = in,
                                  .packed = (const char *)how->packed + f * bytes,
                                  .format = how->format,
                                  .scale = how->scale,
                                  .scratch = how->scratch,
                                  .in_channels = in,
                                  .out_channels = out,
                                  .y = m + f * m_stride,
                                  .y_stride = out};
        kernel_product_run(&product, 0, tiles, panel, panel + count);
        first += count;
    }
}

void kernel_winograd_input(const kernel_winograd *s, int64_t first, int64_t last, int64_t base,
                           float *v, int64_t stride, float *strip) {
    kernel_variant_here()->winograd_input(s, first, last, base, v, stride, strip);
}

void kernel_winograd_output(const kernel_winograd *s, int64_t first, int64_t last, int64_t base,
                            const float *m, int64_t stride) {
    kernel_variant_here()->winograd_output(s, first, last, base, m, stride);
}
