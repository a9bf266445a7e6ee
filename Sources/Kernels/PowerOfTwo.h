// For AVX512.c and Pairs.c.
#include "Vector.h"
#include <immintrin.h>

// 2^x for x below 2^31, to about one unit in the last place: 2^floor(x) times the polynomial of degree 5
// that is best for the rest (relative error 7.5e-8 before rounding).
#define power_of_two(value)                                                                  \
    ({                                                                                       \
        __m512 po_x = (__m512)(value);                                                       \
        v16 po_r = (v16)_mm512_reduce_ps(po_x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);   \
        v16 po_p = po_r * 1.8775769e-3f + 8.9893403e-3f;                                     \
        po_p = po_p * po_r + 5.5826317e-2f;                                                  \
        po_p = po_p * po_r + 2.4015362e-1f;                                                  \
        po_p = po_p * po_r + 6.9315307e-1f;                                                  \
        po_p = po_p * po_r + 0.99999993f;                                                    \
        (v16)_mm512_scalef_ps((__m512)po_p, po_x);                                           \
    })
