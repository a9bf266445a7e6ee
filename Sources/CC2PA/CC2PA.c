#include "CC2PA.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>

// The library's own types (c2pa.h of c2pa-rs): a stream calls back, everything else is opaque.
typedef struct {
    int descriptor;
} stream_context;
typedef intptr_t (*read_function)(stream_context *, uint8_t *, intptr_t);
typedef intptr_t (*seek_function)(stream_context *, intptr_t, int);
typedef intptr_t (*write_function)(stream_context *, const uint8_t *, intptr_t);
typedef intptr_t (*flush_function)(stream_context *);
typedef struct {
    const char *algorithm, *certificates, *key, *time_authority;
} signer_info;

static struct {
    void *library;
    void *(*create_stream)(stream_context *, read_function, seek_function, write_function,
                           flush_function);
    void (*release_stream)(void *);
    char *(*error)(void);
    int (*free)(void *);
    void *(*settings_new)(void);
    int (*settings_update)(void *, const char *, const char *);
    void *(*context_builder_new)(void);
    int (*context_builder_set_settings)(void *, void *);
    void *(*context_builder_build)(void *);
    void *(*builder_from_context)(void *);
    void *(*builder_with_definition)(void *, const char *);
    int64_t (*builder_sign)(void *, const char *, void *, void *, void *, unsigned char **);
    void *(*signer_from_info)(const signer_info *);
    void *(*reader_from_stream)(const char *, void *);
    char *(*reader_json)(void *);
    void *context;
} api;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// Without it each picture's manifest holds a smaller copy of the picture: 100 ms and 60 KB.
static const char settings_text[] = "{\"builder\": {\"thumbnail\": {\"enabled\": false}}}";

// What is common to all builders; null where the library refuses the settings.
static void *make_context(void) {
    void *settings = api.settings_new();
    void *builder = api.context_builder_new();
    void *context = NULL;
    if (settings && builder && api.settings_update(settings, settings_text, "json") == 0
        && api.context_builder_set_settings(builder, settings) == 0)
        // Takes the builder.
        context = api.context_builder_build(builder);
    else if (builder)
        api.free(builder);
    if (settings) api.free(settings);
    return context;
}

static char *open_library(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return strdup(dlerror());
    if (api.library) {
        // The first one is used, whichever file it was.
        dlclose(library);
        return NULL;
    }
#define FIND(member, name)                                         \
    if (!(*(void **)&api.member = dlsym(library, name))) {         \
        dlclose(library);                                          \
        return strdup("it has no function " name);                 \
    }
    FIND(create_stream, "c2pa_create_stream")
    FIND(release_stream, "c2pa_release_stream")
    FIND(error, "c2pa_error")
    FIND(free, "c2pa_free")
    FIND(settings_new, "c2pa_settings_new")
    FIND(settings_update, "c2pa_settings_update_from_string")
    FIND(context_builder_new, "c2pa_context_builder_new")
    FIND(context_builder_set_settings, "c2pa_context_builder_set_settings")
    FIND(context_builder_build, "c2pa_context_builder_build")
    FIND(builder_from_context, "c2pa_builder_from_context")
    FIND(builder_with_definition, "c2pa_builder_with_definition")
    FIND(builder_sign, "c2pa_builder_sign")
    FIND(signer_from_info, "c2pa_signer_from_info")
    FIND(reader_from_stream, "c2pa_reader_from_stream")
    FIND(reader_json, "c2pa_reader_json")
    if (!(api.context = make_context())) {
        dlclose(library);
        return strdup("it does not take the settings of a context");
    }
    api.library = library;
    return NULL;
}

char *c2pa_shim_open(const char *path) {
    pthread_mutex_lock(&lock);
    char *problem = open_library(path);
    pthread_mutex_unlock(&lock);
    return problem;
}

static intptr_t read_some(stream_context *context, uint8_t *bytes, intptr_t count) {
    return read(context->descriptor, bytes, (size_t)count);
}

static intptr_t seek(stream_context *context, intptr_t offset, int whence) {
    return lseek(context->descriptor, offset, whence);
}

static intptr_t write_all(stream_context *context, const uint8_t *bytes, intptr_t count) {
    for (intptr_t done = 0; done < count;) {
        ssize_t written = write(context->descriptor, bytes + done, (size_t)(count - done));
        if (written <= 0) return -1;
        done += written;
    }
    return count;
}

static intptr_t flush(stream_context *context) {
    (void)context;
    return 0;
}

static char *last_error(void) {
    char *text = api.error();
    char *copy = strdup(text && *text ? text : "libc2pa_c gave no reason");
    if (text) api.free(text);
    return copy;
}

char *c2pa_shim_sign(int from, int to, const char *format, const char *manifest,
                     const c2pa_shim_signer *signer) {
    stream_context contexts[] = {{from}, {to}};
    signer_info info = {signer->algorithm, signer->certificates, signer->key, NULL};
    char *problem = NULL;
    void *own_signer = api.signer_from_info(&info);
    if (!own_signer) return last_error();
    void *builder = api.builder_from_context(api.context);
    // Takes the builder, whether it gives another back or not.
    if (builder) builder = api.builder_with_definition(builder, manifest);
    if (!builder) {
        problem = last_error();
        api.free(own_signer);
        return problem;
    }
    void *source = api.create_stream(&contexts[0], read_some, seek, write_all, flush);
    void *target = api.create_stream(&contexts[1], read_some, seek, write_all, flush);
    unsigned char *bytes = NULL;
    if (api.builder_sign(builder, format, source, target, own_signer, &bytes) < 0)
        problem = last_error();
    if (bytes) api.free(bytes);
    api.release_stream(source);
    api.release_stream(target);
    api.free(builder);
    api.free(own_signer);
    return problem;
}

char *c2pa_shim_read(int from, const char *format, int *failed) {
    stream_context context = {from};
    void *source = api.create_stream(&context, read_some, seek, write_all, flush);
    void *reader = api.reader_from_stream(format, source);
    char *text = reader ? api.reader_json(reader) : NULL;
    char *copy = text ? strdup(text) : last_error();
    *failed = !text;
    if (text) api.free(text);
    if (reader) api.free(reader);
    api.release_stream(source);
    return copy;
}
