// A chain of FFmpeg's filters by libavfilter, which is loaded when the first film needs one: it pulls
// in over a hundred libraries, and every node is a process of this tool.
#pragma once
#include <stddef.h>

typedef struct filter_chain filter_chain;

/// Makes a chain such as `bwdif=deint=interlaced` for frames that `source` describes as libavfilter's
/// `buffer` takes it: `video_size=640x480:pix_fmt=0:time_base=1/1000`.
///
/// Gives null, and the reason in `message`, when it cannot be made or libavfilter is not installed.
filter_chain *filter_chain_open(const char *source, const char *chain, char *message, size_t room);

void filter_chain_close(filter_chain *chain);

/// Gives the chain an `AVFrame`, whose contents it takes, or null for the end; FFmpeg's code.
int filter_chain_send(filter_chain *chain, void *frame);

/// Takes the next `AVFrame` out of the chain, when there is one; FFmpeg's code.
int filter_chain_receive(filter_chain *chain, void *frame);

/// Seconds per tick of the frames that come out.
void filter_chain_time_base(filter_chain *chain, int *numerator, int *denominator);
