#include "CHeif.h"
#include <dlfcn.h>
#include <libheif/heif.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    void *library;
    struct heif_context *(*context_alloc)(void);
    void (*context_free)(struct heif_context *);
    struct heif_error (*read_from_file)(struct heif_context *, const char *,
                                        const struct heif_reading_options *);
    struct heif_error (*primary_handle)(struct heif_context *, struct heif_image_handle **);
    void (*handle_release)(const struct heif_image_handle *);
    int (*handle_width)(const struct heif_image_handle *);
    int (*handle_height)(const struct heif_image_handle *);
    int (*handle_alpha)(const struct heif_image_handle *);
    struct heif_error (*decode)(const struct heif_image_handle *, struct heif_image **,
                                enum heif_colorspace, enum heif_chroma,
                                const struct heif_decoding_options *);
    void (*image_release)(const struct heif_image *);
    int (*image_width)(const struct heif_image *, enum heif_channel);
    int (*image_height)(const struct heif_image *, enum heif_channel);
    const uint8_t *(*image_plane)(const struct heif_image *, enum heif_channel, int *);
} api;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_ready;

static void load(void) {
    api.library = dlopen("libheif.so.1", RTLD_NOW);
    if (!api.library) return;
    is_ready = 1;
#define FIND(member, name) \
    if (!(*(void **)&api.member = dlsym(api.library, name))) is_ready = 0
    FIND(context_alloc, "heif_context_alloc");
    FIND(context_free, "heif_context_free");
    FIND(read_from_file, "heif_context_read_from_file");
    FIND(primary_handle, "heif_context_get_primary_image_handle");
    FIND(handle_release, "heif_image_handle_release");
    FIND(handle_width, "heif_image_handle_get_width");
    FIND(handle_height, "heif_image_handle_get_height");
    FIND(handle_alpha, "heif_image_handle_has_alpha_channel");
    FIND(decode, "heif_decode_image");
    FIND(image_release, "heif_image_release");
    FIND(image_width, "heif_image_get_width");
    FIND(image_height, "heif_image_get_height");
    FIND(image_plane, "heif_image_get_plane_readonly");
}

static int failed(heif_picture *picture, struct heif_error error) {
    if (error.code == heif_error_Ok) return 0;
    picture->outcome = HEIF_SHIM_FAILED;
    snprintf(picture->message, sizeof picture->message, "%s",
             error.message ? error.message : "libheif gives no reason");
    return 1;
}

static void copy(const struct heif_image *image, heif_picture *picture) {
    int stride = 0;
    const uint8_t *rows = api.image_plane(image, heif_channel_interleaved, &stride);
    picture->width = api.image_width(image, heif_channel_interleaved);
    picture->height = api.image_height(image, heif_channel_interleaved);
    size_t row = (size_t)picture->width * (picture->has_alpha ? 4 : 3);
    picture->pixels = rows ? malloc(row * (size_t)picture->height) : NULL;
    if (!picture->pixels) {
        picture->outcome = HEIF_SHIM_FAILED;
        snprintf(picture->message, sizeof picture->message, "no memory for %dx%d pixels",
                 picture->width, picture->height);
        return;
    }
    for (int y = 0; y < picture->height; y++)
        memcpy(picture->pixels + (size_t)y * row, rows + (size_t)y * (size_t)stride, row);
}

void heif_read(const char *path, int wants_pixels, heif_picture *picture) {
    memset(picture, 0, sizeof *picture);
    pthread_once(&once, load);
    if (!is_ready) {
        picture->outcome = HEIF_SHIM_NOT_INSTALLED;
        return;
    }
    struct heif_context *context = api.context_alloc();
    struct heif_image_handle *handle = NULL;
    struct heif_image *image = NULL;
    if (!failed(picture, api.read_from_file(context, path, NULL)) &&
        !failed(picture, api.primary_handle(context, &handle))) {
        picture->width = api.handle_width(handle);
        picture->height = api.handle_height(handle);
        picture->has_alpha = api.handle_alpha(handle);
        enum heif_chroma chroma =
            picture->has_alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB;
        if (wants_pixels &&
            !failed(picture, api.decode(handle, &image, heif_colorspace_RGB, chroma, NULL)))
            copy(image, picture);
    }
    if (image) api.image_release(image);
    if (handle) api.handle_release(handle);
    api.context_free(context);
}
