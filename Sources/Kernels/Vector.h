#pragma once
#include <stdint.h>
#include <string.h>

// Sixteen numbers at once: one register with AVX-512, two with AVX2, four with SSE.

#define CLONES \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };
typedef float v16 __attribute__((vector_size(64)));
typedef int32_t v16i __attribute__((vector_size(64)));
typedef float v16u __attribute__((vector_size(64), aligned(4), may_alias));


// What takes or returns a vector is a macro: a function compiled for the baseline could not be
// inlined into the AVX-512 clone, whose calling convention differs. Each macro has its own letters
// for locals, so that they nest.
#define load(p) (*(const v16u *)(p))
#define store(p, value) (*(v16u *)(p) = (value))
#define splat(value)                                                                          \
    ({                                                                                        \
        float s_ = (value);                                                                   \
        (v16){s_, s_, s_, s_, s_, s_, s_, s_, s_, s_, s_, s_, s_, s_, s_, s_};                \
    })
#define load_some(p, n)                                     \
    ({                                                      \
        v16 ls_ = {0};                                      \
        memcpy(&ls_, (p), (size_t)(n) * sizeof(float));     \
        ls_;                                                \
    })
#define store_some(p, value, n)                             \
    do {                                                    \
        v16 ss_ = (value);                                  \
        memcpy((p), &ss_, (size_t)(n) * sizeof(float));     \
    } while (0)

/// a where the mask is set, else b.
#define select_lanes(mask, a, b)                                            \
    ({                                                                      \
        v16i se_mask = (mask);                                              \
        v16 se_a = (a), se_b = (b);                                         \
        (v16)((se_mask & (v16i)se_a) | (~se_mask & (v16i)se_b));            \
    })
#define maximum(a, b)                            \
    ({                                           \
        v16 mx_a = (a), mx_b = (b);              \
        select_lanes(mx_a > mx_b, mx_a, mx_b);   \
    })
#define minimum(a, b)                            \
    ({                                           \
        v16 mn_a = (a), mn_b = (b);              \
        select_lanes(mn_a < mn_b, mn_a, mn_b);   \
    })

/// Sum of the sixteen numbers, by halves.
#define sum_lanes(value)                                                   \
    ({                                                                     \
        v16 su_ = (value);                                                 \
        float su_4[4];                                                     \
        for (int i_ = 0; i_ < 4; i_++)                                     \
            su_4[i_] = (su_[i_] + su_[i_ + 8]) + (su_[i_ + 4] + su_[i_ + 12]); \
        (su_4[0] + su_4[2]) + (su_4[1] + su_4[3]);                         \
    })

/// e^x to about one unit in the last place: 2^n times a Taylor polynomial on |r| <= ln(2)/2, whose
/// remainder is below 6e-9. 1.5 * 2^23 is added and taken away to round to an integer; ln 2 comes
/// in two parts.
#define exponential(value)                                                 \
    ({                                                                     \
        v16 ex_x = minimum(maximum((value), splat(-87.0f)), splat(88.0f)); \
        v16 ex_n = (ex_x * 1.44269504088896341f + 12582912.0f) - 12582912.0f; \
        v16 ex_r = (ex_x - ex_n * 0.693145751953125f) - ex_n * 1.42860682030941723e-6f; \
        v16 ex_p = ex_r * (1.0f / 5040) + (1.0f / 720);                    \
        ex_p = ex_p * ex_r + (1.0f / 120);                                 \
        ex_p = ex_p * ex_r + (1.0f / 24);                                  \
        ex_p = ex_p * ex_r + (1.0f / 6);                                   \
        ex_p = ex_p * ex_r + 0.5f;                                         \
        ex_p = ex_p * ex_r + 1.0f;                                         \
        ex_p = ex_p * ex_r + 1.0f;                                         \
        v16i ex_bits = (__builtin_convertvector(ex_n, v16i) + 127) << 23;  \
        ex_p *(v16)ex_bits;                                                \
    })

#define sigmoid(value)                                  \
    ({                                                  \
        v16 sg_ = (value);                              \
        1.0f / (1.0f + exponential(-sg_));              \
    })

/// Error function, Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7.
#define error_function(value)                                              \
    ({                                                                     \
        v16 er_x = (value);                                                \
        v16i er_sign = (v16i)er_x & (int32_t)0x80000000;                   \
        v16 er_a = (v16)((v16i)er_x & 0x7fffffff);                         \
        v16 er_t = 1.0f / (1.0f + 0.3275911f * er_a);                      \
        v16 er_p = er_t * 1.061405429f - 1.453152027f;                     \
        er_p = er_p * er_t + 1.421413741f;                                 \
        er_p = er_p * er_t - 0.284496736f;                                 \
        er_p = er_p * er_t + 0.254829592f;                                 \
        er_p = 1.0f - er_p * er_t * exponential(-er_a * er_a);             \
        (v16)((v16i)er_p | er_sign);                                       \
    })

#define gelu(value)                                                        \
    ({                                                                     \
        v16 ge_ = (value);                                                 \
        0.5f * ge_ * (1.0f + error_function(ge_ * 0.70710678118654752f));  \
    })

/// The activation numbered as in `kernel_activation`; a constant `kind` leaves one branch.
#define activate(value, kind)                                              \
    ({                                                                     \
        v16 ac_ = (value);                                                 \
        (kind) == 1   ? maximum(ac_, splat(0))                             \
        : (kind) == 2 ? ac_ * sigmoid(ac_)                                 \
        : (kind) == 3 ? gelu(ac_)                                          \
        : (kind) == 4 ? ac_ * sigmoid(1.702f * ac_)                        \
                      : ac_;                                               \
    })
