#include "CTorch.h"
#include <dlfcn.h>

// NVIDIA's driver (cuda.h) and its library for managing GPUs (nvml.h), which come with each other. The driver
// knows GPUs in the order of `cuda:0`, `cuda:1`, … and the other one how much of their memory is free; the
// address on the bus is what both know.

enum { NO_DEVICE = 100 };

static void *driver(void) { return dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL); }

static bool find(void *library, const char *name, void *function) {
    *(void **)function = dlsym(library, name);
    return *(void **)function != NULL;
}

int ctorch_count_nvidia(int *error) {
    void *cuda = driver();
    int (*start)(unsigned), (*count)(int *), number = 0;
    if (!cuda || !find(cuda, "cuInit", &start) || !find(cuda, "cuDeviceGetCount", &count)) return -1;
    *error = start(0);
    // A driver, and nothing to drive.
    if (*error == NO_DEVICE) return 0;
    if (*error || (*error = count(&number))) return -2;
    return number;
}

static void describe_memory(const char *bus, ctorch_gpu *gpu) {
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL), *device;
    struct { unsigned long long total, free, used; } memory;
    int (*start)(void), (*version)(char *, unsigned), (*by_bus)(const char *, void **);
    int (*describe)(void *, void *);
    if (!library || !find(library, "nvmlInit_v2", &start)
        || !find(library, "nvmlSystemGetDriverVersion", &version)
        || !find(library, "nvmlDeviceGetHandleByPciBusId_v2", &by_bus)
        || !find(library, "nvmlDeviceGetMemoryInfo", &describe) || start())
        return;
    if (version(gpu->driver, sizeof gpu->driver)) gpu->driver[0] = 0;
    if (by_bus(bus, &device) || describe(device, &memory)) return;
    // Of a part of a GPU (MIG) the bus knows the whole only.
    gpu->free = (int64_t)memory.free < gpu->total ? (int64_t)memory.free : gpu->total;
}

bool ctorch_describe_nvidia(int number, ctorch_gpu *gpu) {
    int error, device, (*get)(int *, int), (*name)(char *, int, int), (*bus)(char *, int, int);
    int (*memory)(size_t *, int);
    size_t total;
    char address[32];
    if (ctorch_count_nvidia(&error) <= number) return false;
    void *cuda = driver();
    if (!find(cuda, "cuDeviceGet", &get) || !find(cuda, "cuDeviceGetName", &name)
        || !find(cuda, "cuDeviceGetPCIBusId", &bus) || !find(cuda, "cuDeviceTotalMem_v2", &memory)
        || get(&device, number) || name(gpu->name, sizeof gpu->name, device)
        || memory(&total, device) || bus(address, sizeof address, device))
        return false;
    gpu->total = (int64_t)total, gpu->free = -1, gpu->driver[0] = 0;
    describe_memory(address, gpu);
    return true;
}
