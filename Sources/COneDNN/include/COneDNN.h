#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The few operations of oneDNN that the layers use, planned for one shape each.
//
// oneDNN's C interface differs between 2.x (operation descriptors) and 3.x; everything that differs
// is behind these functions. Activations keep channels last; weights are in PyTorch's order until
// `onednn_pack` brings them into the order that the plan wants.

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onednn_plan onednn_plan;

typedef enum { ONEDNN_NONE = 0, ONEDNN_RELU = 1, ONEDNN_SILU = 2 } onednn_activation;

typedef struct {
    int64_t n, h, w, in_channels, out_channels, groups;
    int64_t kernel_h, kernel_w, stride, top, left, bottom, right;
    onednn_activation activation;
    bool has_bias;
    /// Another tensor of the result's shape is added before the activation.
    bool adds;
} onednn_convolution;

typedef struct {
    int64_t rows, in_channels, out_channels;
    onednn_activation activation;
    bool has_bias, adds;
} onednn_linear;

/// Null when oneDNN has no implementation; `onednn_error` says why.
onednn_plan *onednn_plan_convolution(const onednn_convolution *shape);
onednn_plan *onednn_plan_linear(const onednn_linear *shape);
void onednn_plan_free(onednn_plan *plan);

/// The implementation that oneDNN chose, such as `brgconv:avx512_core`.
const char *onednn_implementation(const onednn_plan *plan);
/// Bytes of scratch memory that a run needs.
size_t onednn_scratch_bytes(const onednn_plan *plan);
/// Bytes of weights in the plan's order.
size_t onednn_weights_bytes(const onednn_plan *plan);
/// Whether the plan takes weights in PyTorch's order as they are.
bool onednn_weights_are_plain(const onednn_plan *plan);
/// Whether two plans of one layer want the same order.
bool onednn_weights_agree(const onednn_plan *a, const onednn_plan *b);
/// Brings weights from PyTorch's order (`from` null) or from another plan's into the plan's.
bool onednn_pack(const onednn_plan *plan, const onednn_plan *from, const float *weights,
                 float *packed);
/// Runs the plan in the calling thread and the threads of `onednn_set_cores`.
bool onednn_run(const onednn_plan *plan, const float *x, const float *weights, const float *bias,
                const float *added, float *y, void *scratch);

/// How many threads every later run may use, whichever thread starts it.
void onednn_set_cores(int cores);
/// What went wrong last in this thread.
const char *onednn_error(void);

#ifdef __cplusplus
}
#endif
