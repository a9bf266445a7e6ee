#define _GNU_SOURCE
#include "CPosix.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int anonymous_file(const char *name, size_t bytes, unsigned flags) {
    int fd = memfd_create(name, MFD_CLOEXEC | flags);
    if (fd < 0) return -errno;
    if (ftruncate(fd, (off_t)bytes) != 0) {
        int code = errno;
        close(fd);
        return -code;
    }
    return fd;
}

int posix_anonymous_file(const char *name, size_t bytes) { return anonymous_file(name, bytes, 0); }

int posix_sealed_file(const char *name, size_t bytes) {
    int fd = anonymous_file(name, bytes, MFD_ALLOW_SEALING);
    if (fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        int code = errno;
        close(fd);
        return -code;
    }
    return fd;
}

int posix_cannot_shrink(int descriptor) {
    int seals = fcntl(descriptor, F_GET_SEALS);
    return seals >= 0 && seals & F_SEAL_SHRINK;
}

int posix_open_for_reading(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

pid_t posix_start(const char *path, char *const argv[], char *const envp[], int in, int out,
                  int err, int lent, int death_signal, int own_group) {
    // The pipe closes by itself on exec; a failed exec writes its errno into it.
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return -errno;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        int code = errno;
        close(report[0]);
        close(report[1]);
        return -code;
    }
    if (pid == 0) {
        if (own_group) setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, death_signal);
        if (getppid() != parent) _exit(127);  // died between fork and prctl
        struct sigaction plain = {.sa_handler = SIG_DFL};
        for (int s = 1; s < NSIG; s++) sigaction(s, &plain, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (lent >= 0) fcntl(lent, F_SETFD, 0);
        if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0)
            execve(path, argv, envp);
        int code = errno;
        ssize_t written = write(report[1], &code, sizeof code);
        (void)written;
        _exit(127);
    }
    if (own_group) setpgid(pid, pid);
    close(report[1]);
    int code = 0;
    ssize_t got;
    do got = read(report[0], &code, sizeof code);
    while (got < 0 && errno == EINTR);
    close(report[0]);
    return got == (ssize_t)sizeof code ? -code : pid;
}

const char *posix_file_of(const void *address) {
    Dl_info found;
    return dladdr(address, &found) ? found.dli_fname : NULL;
}

int64_t posix_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void posix_line_buffer(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stderr, NULL, _IOLBF, 0);
}

int posix_wakeup(void) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int signal_pipe[2] = {-1, -1};

static void note_signal(int signal) {
    int saved = errno;
    unsigned char number = (unsigned char)signal;
    ssize_t written = write(signal_pipe[1], &number, 1);
    (void)written;
    errno = saved;
}

int posix_signals(const int *signals, int count) {
    if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) return -errno;
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    // A reader that has gone away is an error of write(), not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    // Whoever started this process may have had them blocked, and a mask is inherited.
    sigset_t wanted;
    sigemptyset(&wanted);
    for (int i = 0; i < count; i++) {
        sigaction(signals[i], &action, NULL);
        sigaddset(&wanted, signals[i]);
    }
    pthread_sigmask(SIG_UNBLOCK, &wanted, NULL);
    return signal_pipe[0];
}

int posix_next_signal(int descriptor) {
    unsigned char number = 0;
    return read(descriptor, &number, 1) == 1 ? number : 0;
}

int posix_reap(pid_t pid, int *status) {
    int raw = 0;
    pid_t got;
    do got = waitpid(pid, &raw, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == 0) return 0;
    *status = WIFSIGNALED(raw) ? -WTERMSIG(raw) : WEXITSTATUS(raw);
    return 1;
}

size_t posix_peak_memory(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}

pid_t posix_peer_group(int descriptor) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return -1;
    return getpgid(peer.pid);
}

int posix_pipe(int *read_end, int *write_end) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

uint64_t frame_hash(const void *bytes, size_t count) {
    // FNV's offset and prime over words of eight bytes, with a mix that spreads the high bits down.
    const unsigned char *at = bytes;
    uint64_t hash = 0xcbf29ce484222325u ^ count;
    while (count >= 8) {
        uint64_t word;
        __builtin_memcpy(&word, at, 8);
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
        at += 8;
        count -= 8;
    }
    while (count-- > 0) hash = (hash ^ *at++) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

int posix_takes_video(int descriptor) {
    struct v4l2_capability known = {0};
    if (ioctl(descriptor, VIDIOC_QUERYCAP, &known) != 0) return 0;
    unsigned able = known.capabilities & V4L2_CAP_DEVICE_CAPS ? known.device_caps : known.capabilities;
    return (able & V4L2_CAP_VIDEO_OUTPUT) != 0;
}

int posix_set_video(int descriptor, char layout[4], int *width, int *height, double rate) {
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    format.fmt.pix.width = (unsigned)*width;
    format.fmt.pix.height = (unsigned)*height;
    memcpy(&format.fmt.pix.pixelformat, layout, 4);
    format.fmt.pix.field = V4L2_FIELD_NONE;
    format.fmt.pix.colorspace = V4L2_COLORSPACE_SMPTE170M;
    if (ioctl(descriptor, VIDIOC_S_FMT, &format) != 0) return -errno;
    memcpy(layout, &format.fmt.pix.pixelformat, 4);
    *width = (int)format.fmt.pix.width;
    *height = (int)format.fmt.pix.height;
    // Not every device knows rates, and the pictures come at this one whatever it says.
    struct v4l2_streamparm parameters = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    parameters.parm.output.timeperframe.numerator = 1000;
    parameters.parm.output.timeperframe.denominator = (unsigned)(1000 * rate + 0.5);
    (void)ioctl(descriptor, VIDIOC_S_PARM, &parameters);
    return 0;
}

int posix_terminal_size(int descriptor, int *rows, int *columns) {
    struct winsize size = {0};
    if (ioctl(descriptor, TIOCGWINSZ, &size) != 0) return -errno;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}
