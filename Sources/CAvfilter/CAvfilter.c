#include "CAvfilter.h"
#include <dlfcn.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/avstring.h>
#include <libavutil/mem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    void *library;
    AVFilterGraph *(*graph_alloc)(void);
    void (*graph_free)(AVFilterGraph **);
    const AVFilter *(*get_by_name)(const char *);
    int (*graph_create_filter)(AVFilterContext **, const AVFilter *, const char *, const char *,
                               void *, AVFilterGraph *);
    int (*graph_parse_ptr)(AVFilterGraph *, const char *, AVFilterInOut **, AVFilterInOut **,
                           void *);
    int (*graph_config)(AVFilterGraph *, void *);
    AVFilterInOut *(*inout_alloc)(void);
    void (*inout_free)(AVFilterInOut **);
    int (*add_frame)(AVFilterContext *, AVFrame *);
    int (*get_frame)(AVFilterContext *, AVFrame *);
    AVRational (*time_base)(const AVFilterContext *);
} api;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_ready;

static void load(void) {
    api.library = dlopen("libavfilter.so." AV_STRINGIFY(LIBAVFILTER_VERSION_MAJOR), RTLD_NOW);
    if (!api.library) return;
    is_ready = 1;
#define FIND(member, name) \
    if (!(*(void **)&api.member = dlsym(api.library, name))) is_ready = 0
    FIND(graph_alloc, "avfilter_graph_alloc");
    FIND(graph_free, "avfilter_graph_free");
    FIND(get_by_name, "avfilter_get_by_name");
    FIND(graph_create_filter, "avfilter_graph_create_filter");
    FIND(graph_parse_ptr, "avfilter_graph_parse_ptr");
    FIND(graph_config, "avfilter_graph_config");
    FIND(inout_alloc, "avfilter_inout_alloc");
    FIND(inout_free, "avfilter_inout_free");
    FIND(add_frame, "av_buffersrc_add_frame");
    FIND(get_frame, "av_buffersink_get_frame");
    FIND(time_base, "av_buffersink_get_time_base");
}

struct filter_chain {
    AVFilterGraph *graph;
    AVFilterContext *source, *sink;
};

// One end of the chain, as libavfilter's parser wants it.
static AVFilterInOut *end(const char *name, AVFilterContext *filter) {
    AVFilterInOut *end = api.inout_alloc();
    end->name = av_strdup(name);
    end->filter_ctx = filter;
    end->pad_idx = 0;
    end->next = NULL;
    return end;
}

static int build(filter_chain *made, const char *source, const char *chain) {
    made->graph = api.graph_alloc();
    // Frames come one by one, and a node has the cores that its placement gives it.
    made->graph->nb_threads = 1;
    int code = api.graph_create_filter(&made->source, api.get_by_name("buffer"), "in", source, NULL,
                                       made->graph);
    if (code < 0) return code;
    code = api.graph_create_filter(&made->sink, api.get_by_name("buffersink"), "out", NULL, NULL,
                                   made->graph);
    if (code < 0) return code;
    AVFilterInOut *outputs = end("in", made->source), *inputs = end("out", made->sink);
    code = api.graph_parse_ptr(made->graph, chain, &inputs, &outputs, NULL);
    api.inout_free(&inputs);
    api.inout_free(&outputs);
    return code < 0 ? code : api.graph_config(made->graph, NULL);
}

filter_chain *filter_chain_open(const char *source, const char *chain, char *message, size_t room) {
    pthread_once(&once, load);
    if (!is_ready) {
        snprintf(message, room, "libavfilter is not installed");
        return NULL;
    }
    filter_chain *made = calloc(1, sizeof *made);
    int code = build(made, source, chain);
    if (code >= 0) return made;
    av_strerror(code, message, room);
    filter_chain_close(made);
    return NULL;
}

void filter_chain_close(filter_chain *chain) {
    api.graph_free(&chain->graph);
    free(chain);
}

int filter_chain_send(filter_chain *chain, void *frame) {
    return api.add_frame(chain->source, frame);
}

int filter_chain_receive(filter_chain *chain, void *frame) {
    return api.get_frame(chain->sink, frame);
}

void filter_chain_time_base(filter_chain *chain, int *numerator, int *denominator) {
    AVRational base = api.time_base(chain->sink);
    *numerator = base.num;
    *denominator = base.den;
}
