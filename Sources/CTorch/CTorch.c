#include "CTorch.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

typedef int32_t status;

static struct {
    status (*call)(const char *, const char *, uint64_t *, uint64_t);
    status (*new_handle)(ctorch_tensor, ctorch_tensor *);
    status (*delete_tensor)(ctorch_tensor);
    status (*from_blob)(void *, int64_t, const int64_t *, const int64_t *, int64_t, int32_t, int32_t,
                        int32_t, ctorch_tensor *);
    status (*empty)(int64_t, const int64_t *, const int64_t *, int32_t, int32_t, int32_t,
                    ctorch_tensor *);
    status (*reinterpret)(ctorch_tensor, int64_t, const int64_t *, const int64_t *, int64_t,
                          ctorch_tensor *);
    status (*new_list)(size_t, void **);
    status (*push)(void *, uint64_t);
    status (*new_string)(const char *, size_t, void **);
    status (*subtract)(ctorch_tensor, ctorch_tensor, double, ctorch_tensor *);
    status (*number)(double, ctorch_tensor *);
    status (*copy)(ctorch_tensor, ctorch_tensor, int32_t);
    void (*set_gradients)(uint8_t);
    int32_t (*cpu)(void), (*cuda)(void), (*xpu)(void);
    int32_t (*float32)(void), (*float16)(void), (*bfloat16)(void), (*uint8)(void);
    uint64_t (*abi_version)(void);
    // Since 2.13; before, an error's text goes to stderr, and an optional is 8 bytes of `operator new`.
    status (*new_value)(uint64_t **);
    void *(*operator_new)(size_t);
    const char *(*what)(void);
    void (*set_threads)(int);
    // Attention that also tells the sums of its weights; each is there with its device only.
    status (*attend)(ctorch_tensor, ctorch_tensor, ctorch_tensor, double, int32_t, ctorch_tensor *,
                     double *, ctorch_tensor *, ctorch_tensor *);
    status (*attend_on_gpu)(ctorch_tensor, ctorch_tensor, ctorch_tensor, double, int32_t, int32_t,
                            double *, ctorch_tensor *, ctorch_tensor *, ctorch_tensor *,
                            ctorch_tensor *, int64_t *, int64_t *, ctorch_tensor *, ctorch_tensor *,
                            ctorch_tensor *);
    uint64_t version;
} api;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int is_open;
static atomic_int wanted_threads = 1;

// A library of Debian's that this process has open already (OpenBLAS, oneDNN) has functions of the same
// names as libtorch's own: RTLD_LOCAL keeps libtorch's from others, RTLD_DEEPBIND others' from libtorch.
static void *load(const char *folder, const char *name, char *message, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!library) snprintf(message, size, "%s", dlerror());
    return library;
}

static ctorch_opening find(void *library, char *message, size_t size) {
#define FIND(member, name)                                                                         \
    if (!(*(void **)&api.member = dlsym(library, name))) {                                         \
        snprintf(message, size, "%s", name);                                                       \
        return CTORCH_NO_FUNCTION;                                                                 \
    }
    FIND(call, "torch_call_dispatcher")
    FIND(abi_version, "aoti_torch_abi_version")
    FIND(new_list, "torch_new_list_reserve_size")
    FIND(push, "torch_list_push_back")
    FIND(new_string, "torch_new_string_handle")
    FIND(new_handle, "aoti_torch_new_tensor_handle")
    FIND(delete_tensor, "aoti_torch_delete_tensor_object")
    FIND(from_blob, "aoti_torch_create_tensor_from_blob")
    FIND(empty, "aoti_torch_empty_strided")
    FIND(reinterpret, "aoti_torch__reinterpret_tensor")
    FIND(subtract, "aoti_torch_aten_subtract_Tensor")
    FIND(number, "aoti_torch_scalar_to_tensor_float64")
    FIND(copy, "aoti_torch_copy_")
    FIND(set_gradients, "aoti_torch_grad_mode_set_enabled")
    FIND(cpu, "aoti_torch_device_type_cpu")
    FIND(cuda, "aoti_torch_device_type_cuda")
    FIND(xpu, "aoti_torch_device_type_xpu")
    FIND(float32, "aoti_torch_dtype_float32")
    FIND(float16, "aoti_torch_dtype_float16")
    FIND(bfloat16, "aoti_torch_dtype_bfloat16")
    FIND(uint8, "aoti_torch_dtype_uint8")
    *(void **)&api.new_value = dlsym(library, "torch_new_stable_ivalue");
    if (!api.new_value) FIND(operator_new, "_Znwm")
    *(void **)&api.what = dlsym(library, "torch_exception_get_what_without_backtrace");
    *(void **)&api.set_threads = dlsym(library, "omp_set_num_threads");
    *(void **)&api.attend =
        dlsym(library, "aoti_torch_cpu__scaled_dot_product_flash_attention_for_cpu");
    api.version = api.abi_version();
    return CTORCH_OPEN;
}

static ctorch_opening open_base(const char *folder, char *message, size_t size) {
    void *library = load(folder, "libtorch_cpu.so", message, size);
    return library ? find(library, message, size) : CTORCH_CANNOT_LOAD;
}

static void find_on_gpu(void *library) {
    void *function = dlsym(library, "aoti_torch_cuda__scaled_dot_product_flash_attention");
    if (!function) function = dlsym(library, "aoti_torch_xpu__scaled_dot_product_flash_attention");
    *(void **)&api.attend_on_gpu = function;
}

ctorch_opening ctorch_open(const char *folder, const char *device_library, char *message,
                           size_t size) {
    pthread_mutex_lock(&mutex);
    ctorch_opening result = CTORCH_OPEN;
    if (!is_open) {
        result = open_base(folder, message, size);
        is_open = result == CTORCH_OPEN;
    }
    if (is_open && device_library) {
        void *library = load(folder, device_library, message, size);
        if (library) find_on_gpu(library);
        else result = CTORCH_CANNOT_LOAD;
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

void ctorch_set_threads(int threads) { atomic_store(&wanted_threads, threads < 1 ? 1 : threads); }

// Both settings belong to the calling thread.
static void prepare(void) {
    static _Thread_local int has_no_gradients, applied_threads;
    if (!has_no_gradients) {
        api.set_gradients(0);
        has_no_gradients = 1;
    }
    int threads = atomic_load(&wanted_threads);
    if (api.set_threads && applied_threads != threads) {
        api.set_threads(threads);
        applied_threads = threads;
    }
}

static int32_t device_code(ctorch_device device) {
    return device == CTORCH_CUDA ? api.cuda() : device == CTORCH_XPU ? api.xpu() : api.cpu();
}

int32_t ctorch_type_code(ctorch_type type) {
    switch (type) {
    case CTORCH_FLOAT16: return api.float16();
    case CTORCH_BFLOAT16: return api.bfloat16();
    case CTORCH_UINT8: return api.uint8();
    default: return api.float32();
    }
}

const char *ctorch_error(void) {
    static _Thread_local char line[512];
    const char *text = api.what ? api.what() : NULL;
    snprintf(line, sizeof line, "%s", text && *text ? text : "an error; libtorch's own words are above");
    line[strcspn(line, "\n")] = 0;
    return line;
}

int ctorch_call(const char *operator_name, const char *overload, uint64_t *stack) {
    prepare();
    return api.call(operator_name, overload, stack, api.version);
}

int ctorch_empty(int rank, const int64_t *sizes, const int64_t *strides, ctorch_type type,
                 ctorch_device device, int index, ctorch_tensor *tensor) {
    prepare();
    return api.empty(rank, sizes, strides, ctorch_type_code(type), device_code(device), index, tensor);
}

int ctorch_lend(void *data, int rank, const int64_t *sizes, const int64_t *strides, ctorch_type type,
                ctorch_tensor *tensor) {
    prepare();
    return api.from_blob(data, rank, sizes, strides, 0, ctorch_type_code(type), api.cpu(), 0, tensor);
}

int ctorch_view(ctorch_tensor tensor, int rank, const int64_t *sizes, const int64_t *strides,
                int64_t offset, ctorch_tensor *view) {
    return api.reinterpret(tensor, rank, sizes, strides, offset, view);
}

// The dispatcher takes no scalars, and of the shims with one this is the one for all devices.
int ctorch_add(ctorch_tensor a, ctorch_tensor b, double factor, ctorch_tensor *sum) {
    prepare();
    return api.subtract(a, b, -factor, sum);
}

int ctorch_number(double value, ctorch_tensor *tensor) { return api.number(value, tensor); }

int ctorch_copy(ctorch_tensor to, ctorch_tensor from) {
    prepare();
    return api.copy(to, from, 0);
}

bool ctorch_can_attend(ctorch_device device) {
    return device == CTORCH_CPU ? api.attend != NULL : api.attend_on_gpu != NULL;
}

int ctorch_attend(ctorch_tensor queries, ctorch_tensor keys, ctorch_tensor values,
                  ctorch_device device, ctorch_tensor *result, ctorch_tensor *logarithms) {
    prepare();
    if (device == CTORCH_CPU)
        return api.attend(queries, keys, values, 0, 0, NULL, NULL, result, logarithms);
    // What only a backward pass would need.
    ctorch_tensor others[5] = {NULL};
    int64_t most_queries, most_keys;
    status failed = api.attend_on_gpu(queries, keys, values, 0, 0, 0, NULL, result, logarithms,
                                      &others[0], &others[1], &most_queries, &most_keys, &others[2],
                                      &others[3], &others[4]);
    for (int i = 0; i < 5; i++)
        if (others[i]) api.delete_tensor(others[i]);
    return failed;
}

void ctorch_delete(ctorch_tensor tensor) { api.delete_tensor(tensor); }

uint64_t ctorch_reference(ctorch_tensor tensor) {
    ctorch_tensor reference = NULL;
    api.new_handle(tensor, &reference);
    return (uint64_t)reference;
}

uint64_t ctorch_optional(uint64_t value) {
    uint64_t *place = NULL;
    if (api.new_value) api.new_value(&place);
    else place = api.operator_new(sizeof value);
    *place = value;
    return (uint64_t)place;
}

uint64_t ctorch_list(const uint64_t *values, int count) {
    void *list = NULL;
    api.new_list(count, &list);
    for (int i = 0; i < count; i++) api.push(list, values[i]);
    return (uint64_t)list;
}

uint64_t ctorch_integers(const int64_t *values, int count) {
    return ctorch_list((const uint64_t *)values, count);
}

uint64_t ctorch_text(const char *text) {
    void *string = NULL;
    api.new_string(text, strlen(text), &string);
    return (uint64_t)string;
}
