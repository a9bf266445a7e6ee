#include "CWebP.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <webp/demux.h>

static struct {
    void *library;
    int (*options_init)(WebPAnimDecoderOptions *, int);
    WebPAnimDecoder *(*decoder_new)(const WebPData *, const WebPAnimDecoderOptions *, int);
    int (*get_info)(const WebPAnimDecoder *, WebPAnimInfo *);
    int (*get_next)(WebPAnimDecoder *, uint8_t **, int *);
    int (*has_more)(const WebPAnimDecoder *);
    void (*decoder_delete)(WebPAnimDecoder *);
} api;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_ready;

static void load(void) {
    api.library = dlopen("libwebpdemux.so.2", RTLD_NOW);
    if (!api.library) return;
    is_ready = 1;
#define FIND(member, name) \
    if (!(*(void **)&api.member = dlsym(api.library, name))) is_ready = 0
    FIND(options_init, "WebPAnimDecoderOptionsInitInternal");
    FIND(decoder_new, "WebPAnimDecoderNewInternal");
    FIND(get_info, "WebPAnimDecoderGetInfo");
    FIND(get_next, "WebPAnimDecoderGetNext");
    FIND(has_more, "WebPAnimDecoderHasMoreFrames");
    FIND(decoder_delete, "WebPAnimDecoderDelete");
}

struct webp_film {
    WebPAnimDecoder *decoder;
    WebPAnimInfo info;
};

webp_film *webp_film_open(const uint8_t *bytes, size_t count, int *is_installed) {
    pthread_once(&once, load);
    *is_installed = is_ready;
    if (!is_ready) return NULL;
    WebPAnimDecoderOptions options;
    if (!api.options_init(&options, WEBP_DEMUX_ABI_VERSION)) return NULL;
    options.color_mode = MODE_RGBA;
    WebPData data = {bytes, count};
    webp_film *film = calloc(1, sizeof *film);
    film->decoder = api.decoder_new(&data, &options, WEBP_DEMUX_ABI_VERSION);
    if (film->decoder && api.get_info(film->decoder, &film->info)) return film;
    webp_film_close(film);
    return NULL;
}

void webp_film_close(webp_film *film) {
    if (film->decoder) api.decoder_delete(film->decoder);
    free(film);
}

void webp_film_size(const webp_film *film, int *width, int *height, int *frames) {
    *width = (int)film->info.canvas_width;
    *height = (int)film->info.canvas_height;
    *frames = (int)film->info.frame_count;
}

const uint8_t *webp_film_next(webp_film *film, int *until, int *is_damaged) {
    uint8_t *pixels = NULL;
    *is_damaged = 0;
    if (!api.has_more(film->decoder)) return NULL;
    if (api.get_next(film->decoder, &pixels, until)) return pixels;
    *is_damaged = 1;
    return NULL;
}
