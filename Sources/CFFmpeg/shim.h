// What Swift's importer cannot see of FFmpeg: macros with casts, variadic functions, and arrays of
// pointers inside structs (they arrive as tuples).
#include <dlfcn.h>
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavdevice/avdevice.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/avstring.h>
#include <libavutil/channel_layout.h>
#include <libavutil/crc.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/time.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>

// libavdevice pulls in 200 libraries (SDL, GL, PulseAudio), 80 ms of every process's start, and only
// cameras and sound need it: it is loaded when one is opened. Returns 0 where it is not installed.
// ALSA prints a page for a device that is absent, each time that it is tried: FFmpeg's error says enough.
static inline void ff_ignore_alsa(const char *file, int line, const char *function, int code,
                                  const char *format, ...) {}
static inline int ff_load_devices(void) {
    void *library = dlopen("libavdevice.so." AV_STRINGIFY(LIBAVDEVICE_VERSION_MAJOR), RTLD_NOW);
    void (*register_all)(void) = 0;
    if (library) *(void **)&register_all = dlsym(library, "avdevice_register_all");
    if (register_all) register_all();
    int (*set_handler)(void (*)(const char *, int, const char *, int, const char *, ...)) = 0;
    if (library) *(void **)&set_handler = dlsym(library, "snd_lib_error_set_handler");
    if (set_handler) set_handler(ff_ignore_alsa);
    return register_all != 0;
}

static const int FF_EOF = AVERROR_EOF, FF_EAGAIN = AVERROR(EAGAIN);
static const int FF_INVALIDDATA = AVERROR_INVALIDDATA, FF_EXIT = AVERROR_EXIT;
static const int64_t FF_NOPTS = AV_NOPTS_VALUE;
static inline int ff_averror(int code) { return AVERROR(code); }

// Whole pictures between a frame's planes and packed RGB rows (frame->data is an array).
static inline int ff_scale_to_rgb(struct SwsContext *s, const AVFrame *from, uint8_t *to,
                                  int stride) {
    uint8_t *planes[4] = {to, NULL, NULL, NULL};
    int strides[4] = {stride, 0, 0, 0};
    return sws_scale(s, (const uint8_t *const *)from->data, from->linesize, 0, from->height,
                     planes, strides);
}
static inline int ff_scale_from_rgb(struct SwsContext *s, const uint8_t *from, int stride,
                                    int height, AVFrame *to) {
    const uint8_t *planes[4] = {from, NULL, NULL, NULL};
    int strides[4] = {stride, 0, 0, 0};
    return sws_scale(s, planes, strides, 0, height, to->data, to->linesize);
}

// Samples between frames and a queue (extended_data is an array of pointers of two types).
static inline int ff_convert_audio(struct SwrContext *s, AVFrame *to, int room,
                                   const AVFrame *from) {
    return swr_convert(s, to->extended_data, room,
                       from ? (const uint8_t **)from->extended_data : NULL,
                       from ? from->nb_samples : 0);
}
static inline int ff_queue_write(AVAudioFifo *queue, AVFrame *from, int samples) {
    return av_audio_fifo_write(queue, (void **)from->extended_data, samples);
}
static inline int ff_queue_read(AVAudioFifo *queue, AVFrame *to, int samples) {
    return av_audio_fifo_read(queue, (void **)to->extended_data, samples);
}

// A picture's planes behind each other, without padding (frame->data is an array).
static inline int ff_copy_picture(const AVFrame *from, uint8_t *to, int room) {
    return av_image_copy_to_buffer(to, room, (const uint8_t *const *)from->data, from->linesize,
                                   (enum AVPixelFormat)from->format, from->width, from->height, 1);
}
