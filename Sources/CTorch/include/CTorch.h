// libtorch by its stable C ABI, opened when a node is placed on a device: nothing is linked, and who
// computes on the processor needs no libtorch.
//
// Documented in PyTorch's "LibTorch stable ABI" note; functions and their meaning are those of
// torch/csrc/inductor/aoti_torch/c/shim.h and torch/csrc/stable/c/shim.h.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A reference to a tensor of libtorch's, given back by `ctorch_delete`.
typedef struct ctorch_tensor_opaque *ctorch_tensor;

typedef enum {
    CTORCH_OPEN = 0,
    /// dlopen's own words are in the message.
    CTORCH_CANNOT_LOAD = 1,
    /// The library has no such function, whose name is in the message.
    CTORCH_NO_FUNCTION = 2
} ctorch_opening;

typedef enum { CTORCH_FLOAT32, CTORCH_FLOAT16, CTORCH_BFLOAT16, CTORCH_UINT8 } ctorch_type;
typedef enum { CTORCH_CPU, CTORCH_CUDA, CTORCH_XPU } ctorch_device;

/// Opens `libtorch_cpu.so` of a folder, once, and, unless it is NULL, another library there that brings a
/// device.
ctorch_opening ctorch_open(const char *folder, const char *device_library, char *message, size_t size);

/// How many threads libtorch uses for one operation on the processor.
void ctorch_set_threads(int threads);

/// libtorch's number for a type.
int32_t ctorch_type_code(ctorch_type type);
/// What the last failed call of this thread said, in one line.
const char *ctorch_error(void);

// Calls give 0 when they succeeded. Each prepares the calling thread: no gradients, our threads.

/// Any operator, such as `aten::relu`; `stack` holds arguments and then the result.
int ctorch_call(const char *operator_name, const char *overload, uint64_t *stack);
/// A tensor on a device whose elements are not set.
int ctorch_empty(int rank, const int64_t *sizes, const int64_t *strides, ctorch_type type,
                 ctorch_device device, int index, ctorch_tensor *tensor);
/// A tensor over memory of the processor's, which must outlive it.
int ctorch_lend(void *data, int rank, const int64_t *sizes, const int64_t *strides, ctorch_type type,
                ctorch_tensor *tensor);
/// The same elements under other sizes and strides, `offset` elements on.
int ctorch_view(ctorch_tensor tensor, int rank, const int64_t *sizes, const int64_t *strides,
                int64_t offset, ctorch_tensor *view);
/// a + factor · b.
int ctorch_add(ctorch_tensor a, ctorch_tensor b, double factor, ctorch_tensor *sum);
/// A number as a tensor without axes, on the processor; operators take it beside tensors of any device.
int ctorch_number(double value, ctorch_tensor *tensor);
/// Copies elements, to another type and device where these differ; waits until they are there.
int ctorch_copy(ctorch_tensor to, ctorch_tensor from);
/// Whether `ctorch_attend` is there for a device.
bool ctorch_can_attend(ctorch_device device);
/// Attention of [b, heads, tokens, d], and the logarithms [b, heads, tokens] of the sums of its weights before
/// they were divided by them; these are 32-bit numbers. On a GPU numbers have 16 bits and d is a multiple of 8.
int ctorch_attend(ctorch_tensor queries, ctorch_tensor keys, ctorch_tensor values, ctorch_device device,
                  ctorch_tensor *result, ctorch_tensor *logarithms);
void ctorch_delete(ctorch_tensor tensor);

// What a stack holds beside numbers. A call takes these over.
uint64_t ctorch_reference(ctorch_tensor tensor);
uint64_t ctorch_optional(uint64_t value);
uint64_t ctorch_integers(const int64_t *values, int count);
/// Takes the references over.
uint64_t ctorch_list(const uint64_t *references, int count);
uint64_t ctorch_text(const char *text);

/// What NVIDIA's driver says of a GPU.
typedef struct {
    char name[96];
    /// As its makers write it, such as 580.159; empty where only the driver's own number is known.
    char driver[81];
    /// Bytes; `free` is -1 where nobody says it.
    int64_t total, free;
} ctorch_gpu;

/// How many GPUs NVIDIA's driver has for this process; -1 without a driver, -2 when it cannot start, with
/// its error number in `error`.
int ctorch_count_nvidia(int *error);
/// One of them, in CUDA's order, without making a context on it; false where the driver does not answer.
bool ctorch_describe_nvidia(int number, ctorch_gpu *gpu);
