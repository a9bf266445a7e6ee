// One HTTP request by libcurl, which is loaded when the first is made: every node is a process of
// this tool, and none of them pays for a library that only `models pull` needs.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *url;
    /// Lines such as `Range: bytes=5-`, with null behind the last.
    const char *const *headers;
    /// Only the answer's headers are wanted.
    int head_only;
    /// A transfer that moves no byte for so long counts as broken.
    long stall_seconds;
    /// Called with each header line of the answer and each piece of its body. Anything but `count`
    /// ends the transfer.
    size_t (*on_header)(const char *line, size_t count, void *context);
    size_t (*on_body)(const char *bytes, size_t count, void *context);
    void *context;
} curl_request;

typedef enum {
    CURL_SHIM_DONE = 0,
    /// The callback wanted no more.
    CURL_SHIM_STOPPED = 1,
    /// No connection, or none that lasted; asking again may help.
    CURL_SHIM_BROKEN = 2,
    /// No answer can come: a wrong address, no libcurl, a certificate that is not trusted.
    CURL_SHIM_FAILED = 3
} curl_outcome;

typedef struct {
    curl_outcome outcome;
    /// The HTTP status, or 0.
    long status;
    /// The library's own words, when it did not succeed.
    char message[320];
} curl_answer;

/// Makes one request and follows no redirection. Threads may make requests of their own at once.
void curl_fetch(const curl_request *request, curl_answer *answer);
