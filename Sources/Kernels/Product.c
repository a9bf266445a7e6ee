#include "ProductHalf.h"
#include "Variant.h"
#include <math.h>

bool kernel_product_works(void) { return kernel_variant_here() != NULL; }
bool kernel_pairs_work(void) { return kernel_variant_of_pairs() != NULL; }

static const kernel_variant *variant(kernel_format format) {
    return format == KERNEL_PAIR ? kernel_variant_of_pairs() : kernel_variant_here();
}

int64_t kernel_product_panel(kernel_format format) {
    return format == KERNEL_HALF ? HALF_PANEL : kernel_variant_here()->panel;
}

int64_t kernel_product_panels(int64_t out_channels, kernel_format format) {
    int64_t panel = kernel_product_panel(format);
    return (out_channels + panel - 1) / panel;
}

int64_t kernel_product_scratch(kernel_format format, int64_t in_channels) {
    if (format == KERNEL_HALF) return half_product_scratch();
    const kernel_variant *here = variant(format);
    return here->product_scratch ? here->product_scratch(in_channels) : 0;
}

// To the nearest, ties to even; no number stays no number.
static uint16_t narrowed(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// The same to 11 digits; what is too small for a normal half loses more of them.
static uint16_t halved(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits >= 0x477ff000) return sign | (bits > 0x7f800000 ? 0x7e00 : 0x7c00);
    if (bits < 0x38800000) {  // a sum with 0.5 puts the last digit of a half at the end
        float small;
        memcpy(&small, &bits, sizeof small);
        small += 0.5f;
        memcpy(&bits, &small, sizeof bits);
        return sign | (uint16_t)(bits - 0x3f000000);
    }
    return sign | (uint16_t)((bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13);
}

void kernel_product_put(float value, int64_t i, int64_t o, int64_t width, void *packed, int64_t at,
                        kernel_format format) {
    uint16_t *narrow = (uint16_t *)packed + at;
    switch (format) {
    case KERNEL_FLOAT: ((float *)packed)[at + i * width + o] = value; break;
    case KERNEL_BFLOAT: narrow[i * width + o] = narrowed(value); break;
    case KERNEL_HALF: narrow[i * width + o] = halved(value); break;
    case KERNEL_PAIR: narrow[(i / 2 * width + o) * 2 + i % 2] = narrowed(value); break;
    }
}

float kernel_product_scale(const float *matrix, int64_t count, kernel_format format) {
    if (format != KERNEL_HALF) return 1;
    float largest = 0;
    for (int64_t i = 0; i < count; i++) {
        float size = fabsf(matrix[i]);
        largest = size > largest ? size : largest;
    }
    int exponent;
    if (!(largest > 1e-30f && largest < 1e30f)) return 1;
    frexpf(largest, &exponent);
    return ldexpf(1, 3 - exponent);
}

void kernel_product_pack(const float *matrix, int64_t in_channels, int64_t out_channels,
                         float scale, int64_t first, int64_t last, void *packed,
                         kernel_format format) {
    int64_t panel = kernel_product_panel(format);
    for (int64_t p = first * panel; p < last * panel && p < out_channels; p += panel) {
        int64_t width = out_channels - p < panel ? out_channels - p : panel;
        for (int64_t i = 0; i < in_channels; i++)
            for (int64_t o = 0; o < width; o++)
                kernel_product_put(scale * matrix[(p + o) * in_channels + i], i, o, width, packed,
                                   p * in_channels, format);
    }
}

kernel_product kernel_product_part(const kernel_product *s, int64_t row, int64_t panel) {
    kernel_product part = *s;
    int64_t column = panel * kernel_product_panel(s->format);
    part.x += row * s->x_stride;
    part.packed = (const char *)s->packed
        + column * s->in_channels * (s->format == KERNEL_FLOAT ? 4 : 2);
    part.out_channels -= column;
    part.y += row * s->y_stride + column;
    if (s->bias) part.bias += column;
    if (s->added) part.added += row * s->y_stride + column;
    return part;
}

bool kernel_product_can_gate(const kernel_product *s) {
    return s->out_channels % (2 * kernel_product_panel(s->format)) == 0
        && (s->format != KERNEL_HALF || s->in_channels <= HALF_DEPTH);
}

void kernel_product_run(const kernel_product *s, int64_t first_row, int64_t last_row,
                        int64_t first_panel, int64_t last_panel) {
    if (s->format == KERNEL_HALF)
        half_product_run(s, first_row, last_row, first_panel, last_panel);
    else
        variant(s->format)->product_run(s, first_row, last_row, first_panel, last_panel);
}

void kernel_product_gate(const kernel_product *s, int64_t first_row, int64_t last_row) {
    if (s->format == KERNEL_HALF) half_product_gate(s, first_row, last_row);
    else variant(s->format)->product_gate(s, first_row, last_row);
}
