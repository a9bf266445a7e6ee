// What Swift's importer cannot see of FFmpeg: macros with casts, and variadic functions.
#include <libavcodec/avcodec.h>
#include <libavdevice/avdevice.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

static const int FF_EOF = AVERROR_EOF, FF_EAGAIN = AVERROR(EAGAIN);
static const int FF_INVALIDDATA = AVERROR_INVALIDDATA;
static const int64_t FF_NOPTS = AV_NOPTS_VALUE;
static inline int ff_averror(int code) { return AVERROR(code); }
