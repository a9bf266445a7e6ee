#include "CCurl.h"
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct {
    void *library;
    CURLcode (*global_init)(long);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_perform)(CURL *);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    void (*easy_cleanup)(CURL *);
    const char *(*easy_strerror)(CURLcode);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
} api;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_ready;

static void load(void) {
    const char *names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    for (int i = 0; i < 2 && !api.library; i++) api.library = dlopen(names[i], RTLD_NOW);
    if (!api.library) return;
    is_ready = 1;
#define FIND(member, name) \
    if (!(*(void **)&api.member = dlsym(api.library, name))) is_ready = 0
    FIND(global_init, "curl_global_init");
    FIND(easy_init, "curl_easy_init");
    FIND(easy_setopt, "curl_easy_setopt");
    FIND(easy_perform, "curl_easy_perform");
    FIND(easy_getinfo, "curl_easy_getinfo");
    FIND(easy_cleanup, "curl_easy_cleanup");
    FIND(easy_strerror, "curl_easy_strerror");
    FIND(slist_append, "curl_slist_append");
    FIND(slist_free_all, "curl_slist_free_all");
    if (is_ready && api.global_init(CURL_GLOBAL_ALL) != CURLE_OK) is_ready = 0;
}

static size_t pass_header(char *line, size_t size, size_t count, void *context) {
    const curl_request *request = context;
    return request->on_header(line, size * count, request->context);
}

static size_t pass_body(char *bytes, size_t size, size_t count, void *context) {
    const curl_request *request = context;
    return request->on_body(bytes, size * count, request->context);
}

// What asking again may mend.
static curl_outcome outcome(CURLcode code) {
    switch (code) {
    case CURLE_OK: return CURL_SHIM_DONE;
    case CURLE_WRITE_ERROR: return CURL_SHIM_STOPPED;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return CURL_SHIM_BROKEN;
    default: return CURL_SHIM_FAILED;
    }
}

static CURLcode perform(CURL *handle, const curl_request *request, struct curl_slist *headers,
                        char *message) {
    api.easy_setopt(handle, CURLOPT_ERRORBUFFER, message);
    api.easy_setopt(handle, CURLOPT_URL, request->url);
    api.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    api.easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    api.easy_setopt(handle, CURLOPT_NOBODY, (long)request->head_only);
    api.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    api.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, 20L);
    api.easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    api.easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, request->stall_seconds);
    api.easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L * 1024);
    api.easy_setopt(handle, CURLOPT_HEADERFUNCTION, pass_header);
    api.easy_setopt(handle, CURLOPT_HEADERDATA, request);
    api.easy_setopt(handle, CURLOPT_WRITEFUNCTION, pass_body);
    api.easy_setopt(handle, CURLOPT_WRITEDATA, request);
    return api.easy_perform(handle);
}

void curl_fetch(const curl_request *request, curl_answer *answer) {
    memset(answer, 0, sizeof *answer);
    pthread_once(&once, load);
    CURL *handle = is_ready ? api.easy_init() : NULL;
    if (!handle) {
        answer->outcome = CURL_SHIM_FAILED;
        snprintf(answer->message, sizeof answer->message,
                 "libcurl cannot be loaded; install it with 'apt install libcurl4'");
        return;
    }
    struct curl_slist *headers = NULL;
    for (int i = 0; request->headers[i]; i++)
        headers = api.slist_append(headers, request->headers[i]);
    char message[CURL_ERROR_SIZE] = "";
    CURLcode code = perform(handle, request, headers, message);
    answer->outcome = outcome(code);
    api.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
    if (code != CURLE_OK)
        snprintf(answer->message, sizeof answer->message, "%s",
                 message[0] ? message : api.easy_strerror(code));
    api.slist_free_all(headers);
    api.easy_cleanup(handle);
}
