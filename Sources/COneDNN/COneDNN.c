#include "COneDNN.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <oneapi/dnnl/dnnl.h>

struct onednn_plan {
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, plain, weights, bias, y, added, scratch;
    bool has_bias, adds;
    const char *implementation;
};

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static _Thread_local char message[256];
static atomic_int wanted_cores = 1;
static _Thread_local int applied_cores = 0;
static void (*omp_set_threads)(int);

static void start(void) {
    dnnl_engine_create(&engine, dnnl_cpu, 0);
    dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    // oneDNN brings its own OpenMP library: the one whose setting counts is the one it linked.
    omp_set_threads = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
}

static void ready(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    // OpenMP's setting belongs to the calling thread, ours to the process.
    int cores = atomic_load(&wanted_cores);
    if (omp_set_threads && applied_cores != cores) {
        omp_set_threads(cores);
        applied_cores = cores;
    }
}

void onednn_set_cores(int cores) { atomic_store(&wanted_cores, cores < 1 ? 1 : cores); }
const char *onednn_error(void) { return message; }

static bool good(dnnl_status_t status, const char *call) {
    if (status != dnnl_success) snprintf(message, sizeof message, "%s: status %d", call, status);
    return status == dnnl_success;
}

// Residual first, activation second: y = activation(Wx + b + added).
static dnnl_primitive_attr_t attributes(const onednn_plan *plan, onednn_activation activation) {
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    dnnl_primitive_attr_create(&attr);
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    dnnl_post_ops_create(&ops);
    if (plan->adds) dnnl_post_ops_append_binary(ops, dnnl_binary_add, &plan->added);
    if (activation == ONEDNN_RELU)
        dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0);
    if (activation == ONEDNN_SILU)
        dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_swish, 1, 0);
    dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    return attr;
}

// The tail that both kinds of plan share: choose an implementation and ask what it wants.
static onednn_plan *finish(onednn_plan *plan, const_dnnl_op_desc_t operation,
                           onednn_activation activation) {
    dnnl_primitive_attr_t attr = attributes(plan, activation);
    dnnl_primitive_desc_t chosen = NULL;
    dnnl_status_t status = dnnl_primitive_desc_create(&chosen, operation, attr, engine, NULL);
    dnnl_primitive_attr_destroy(attr);
    if (!good(status, "dnnl_primitive_desc_create")) {
        free(plan);
        return NULL;
    }
    plan->weights = *dnnl_primitive_desc_query_md(chosen, dnnl_query_weights_md, 0);
    plan->scratch = *dnnl_primitive_desc_query_md(chosen, dnnl_query_scratchpad_md, 0);
    dnnl_primitive_desc_query(chosen, dnnl_query_impl_info_str, 0, &plan->implementation);
    plan->implementation = strdup(plan->implementation);
    status = dnnl_primitive_create(&plan->primitive, chosen);
    dnnl_primitive_desc_destroy(chosen);
    if (!good(status, "dnnl_primitive_create")) {
        free((char *)plan->implementation);
        free(plan);
        return NULL;
    }
    return plan;
}

static int64_t out_extent(int64_t in, int64_t before, int64_t after, int64_t kernel, int64_t step) {
    return (in + before + after - kernel) / step + 1;
}

onednn_plan *onednn_plan_convolution(const onednn_convolution *s) {
    ready();
    onednn_plan *plan = calloc(1, sizeof *plan);
    plan->has_bias = s->has_bias;
    plan->adds = s->adds;
    int64_t out_h = out_extent(s->h, s->top, s->bottom, s->kernel_h, s->stride);
    int64_t out_w = out_extent(s->w, s->left, s->right, s->kernel_w, s->stride);
    dnnl_dims_t x = {s->n, s->in_channels, s->h, s->w};
    dnnl_dims_t y = {s->n, s->out_channels, out_h, out_w};
    dnnl_dims_t whole = {s->out_channels, s->in_channels, s->kernel_h, s->kernel_w};
    dnnl_dims_t split = {s->groups, s->out_channels / s->groups, s->in_channels / s->groups,
                         s->kernel_h, s->kernel_w};
    dnnl_dims_t bias = {s->out_channels};
    bool grouped = s->groups > 1;
    int axes = grouped ? 5 : 4;
    dnnl_dim_t *weights = grouped ? split : whole;
    dnnl_memory_desc_t any;
    dnnl_memory_desc_init_by_tag(&plan->x, 4, x, dnnl_f32, dnnl_nhwc);
    dnnl_memory_desc_init_by_tag(&plan->y, 4, y, dnnl_f32, dnnl_nhwc);
    dnnl_memory_desc_init_by_tag(&plan->added, 4, y, dnnl_f32, dnnl_nhwc);
    dnnl_memory_desc_init_by_tag(&plan->bias, 1, bias, dnnl_f32, dnnl_a);
    dnnl_memory_desc_init_by_tag(&plan->plain, axes, weights, dnnl_f32,
                                 grouped ? dnnl_goihw : dnnl_oihw);
    dnnl_memory_desc_init_by_tag(&any, axes, weights, dnnl_f32, dnnl_format_tag_any);
    dnnl_convolution_desc_t operation;
    dnnl_dims_t strides = {s->stride, s->stride};
    dnnl_dims_t before = {s->top, s->left}, after = {s->bottom, s->right};
    if (!good(dnnl_convolution_forward_desc_init(
                  &operation, dnnl_forward_inference, dnnl_convolution_direct, &plan->x, &any,
                  s->has_bias ? &plan->bias : NULL, &plan->y, strides, before, after),
              "dnnl_convolution_forward_desc_init")) {
        free(plan);
        return NULL;
    }
    return finish(plan, &operation, s->activation);
}

onednn_plan *onednn_plan_linear(const onednn_linear *s) {
    ready();
    onednn_plan *plan = calloc(1, sizeof *plan);
    plan->has_bias = s->has_bias;
    plan->adds = s->adds;
    dnnl_dims_t x = {s->rows, s->in_channels}, y = {s->rows, s->out_channels};
    dnnl_dims_t weights = {s->in_channels, s->out_channels}, bias = {1, s->out_channels};
    dnnl_memory_desc_t any;
    dnnl_memory_desc_init_by_tag(&plan->x, 2, x, dnnl_f32, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&plan->y, 2, y, dnnl_f32, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&plan->added, 2, y, dnnl_f32, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&plan->bias, 2, bias, dnnl_f32, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&plan->plain, 2, weights, dnnl_f32, dnnl_ba);
    dnnl_memory_desc_init_by_tag(&any, 2, weights, dnnl_f32, dnnl_format_tag_any);
    dnnl_matmul_desc_t operation;
    if (!good(dnnl_matmul_desc_init(&operation, &plan->x, &any, s->has_bias ? &plan->bias : NULL,
                                    &plan->y),
              "dnnl_matmul_desc_init")) {
        free(plan);
        return NULL;
    }
    return finish(plan, &operation, s->activation);
}

void onednn_plan_free(onednn_plan *plan) {
    if (!plan) return;
    dnnl_primitive_destroy(plan->primitive);
    free((char *)plan->implementation);
    free(plan);
}

const char *onednn_implementation(const onednn_plan *plan) { return plan->implementation; }
size_t onednn_scratch_bytes(const onednn_plan *plan) {
    return dnnl_memory_desc_get_size(&plan->scratch);
}
size_t onednn_weights_bytes(const onednn_plan *plan) {
    return dnnl_memory_desc_get_size(&plan->weights);
}
bool onednn_weights_are_plain(const onednn_plan *plan) {
    return dnnl_memory_desc_equal(&plan->weights, &plan->plain);
}
bool onednn_weights_agree(const onednn_plan *a, const onednn_plan *b) {
    return dnnl_memory_desc_equal(&a->weights, &b->weights);
}

bool onednn_pack(const onednn_plan *plan, const onednn_plan *from, const float *weights,
                 float *packed) {
    ready();
    dnnl_memory_t source = NULL, target = NULL;
    dnnl_primitive_desc_t chosen = NULL;
    dnnl_primitive_t reorder = NULL;
    const dnnl_memory_desc_t *before = from ? &from->weights : &plan->plain;
    bool ok = good(dnnl_memory_create(&source, before, engine, (void *)weights), "dnnl_memory_create")
        && good(dnnl_memory_create(&target, &plan->weights, engine, packed), "dnnl_memory_create")
        && good(dnnl_reorder_primitive_desc_create(&chosen, before, engine, &plan->weights, engine,
                                                   NULL),
                "dnnl_reorder_primitive_desc_create")
        && good(dnnl_primitive_create(&reorder, chosen), "dnnl_primitive_create");
    if (ok) {
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
        ok = good(dnnl_primitive_execute(reorder, stream, 2, arguments), "dnnl_primitive_execute");
    }
    if (reorder) dnnl_primitive_destroy(reorder);
    if (chosen) dnnl_primitive_desc_destroy(chosen);
    if (target) dnnl_memory_destroy(target);
    if (source) dnnl_memory_destroy(source);
    return ok;
}

// Wraps memory for one run. A memory object is a small allocation, three to six a run; keeping them
// in the plan would make plans unusable from two threads.
static bool give(dnnl_exec_arg_t *arguments, int *count, int which, const dnnl_memory_desc_t *desc,
                 const void *pointer) {
    dnnl_exec_arg_t *argument = &arguments[*count];
    argument->arg = which;
    if (!good(dnnl_memory_create(&argument->memory, desc, engine, (void *)pointer),
              "dnnl_memory_create"))
        return false;
    *count += 1;
    return true;
}

bool onednn_run(const onednn_plan *plan, const float *x, const float *weights, const float *bias,
                const float *added, float *y, void *scratch) {
    ready();
    dnnl_exec_arg_t arguments[6];
    int count = 0;
    bool ok = give(arguments, &count, DNNL_ARG_SRC, &plan->x, x)
        && give(arguments, &count, DNNL_ARG_WEIGHTS, &plan->weights, weights)
        && give(arguments, &count, DNNL_ARG_DST, &plan->y, y);
    if (ok && plan->has_bias) ok = give(arguments, &count, DNNL_ARG_BIAS, &plan->bias, bias);
    if (ok && plan->adds)
        ok = give(arguments, &count, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                  &plan->added, added);
    if (ok && scratch)
        ok = give(arguments, &count, DNNL_ARG_SCRATCHPAD, &plan->scratch, scratch);
    if (ok)
        ok = good(dnnl_primitive_execute(plan->primitive, stream, count, arguments),
                  "dnnl_primitive_execute");
    for (int i = 0; i < count; i++) dnnl_memory_destroy(arguments[i].memory);
    return ok;
}
