// What Swift cannot call of POSIX and Linux: variadic calls, and code between fork and exec.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// An anonymous file in memory, `bytes` long, that no folder lists: it is gone with its last user.
/// Returns a descriptor, or -errno.
int posix_anonymous_file(const char *name, size_t bytes);

/// The same, of a size that nobody can change any more: who maps it need not fear that it shrinks.
int posix_sealed_file(const char *name, size_t bytes);

/// Whether a file is sealed against being shrunk.
int posix_cannot_shrink(int descriptor);

/// Opens `path` for reading without leaking into children, and without waiting for a pipe's writer.
/// Returns -errno on failure.
int posix_open_for_reading(const char *path);

/// Starts a program with clean signals and SIGKILL-proof ties: the child gets `death_signal` when
/// the calling *thread* ends, so call from a thread that lives as long as the process. It is in a
/// process group of its own if `own_group` is not 0, else in this process's.
/// Descriptors 0, 1 and 2 become `in`, `out` and `err`.
/// Descriptor `lent`, if not -1, is open in the child under the same number.
/// Returns the pid, or -errno (the exec's own errno included).
pid_t posix_start(const char *path, char *const argv[], char *const envp[], int in, int out,
                  int err, int lent, int death_signal, int own_group);

/// The file of a program or library that an address belongs to; NULL of no such address.
const char *posix_file_of(const void *address);

/// Nanoseconds of CLOCK_MONOTONIC.
int64_t posix_monotonic_ns(void);

/// Makes every stdio stream of this process line-buffered, so that a crash loses no log line.
void posix_line_buffer(void);

/// A descriptor that becomes readable when another thread writes eight bytes to it.
int posix_wakeup(void);

/// Catches these signals, whichever thread they reach (libraries start threads of their own before
/// main), and returns a descriptor that becomes readable when one arrives. One per process.
/// Returns -errno on failure.
int posix_signals(const int *signals, int count);

/// The next signal that arrived on such a descriptor, or 0.
int posix_next_signal(int descriptor);

/// Waits for a child without blocking: 0 while it runs, 1 when it ended; then `status` is its exit
/// code, or minus the signal that killed it.
int posix_reap(pid_t pid, int *status);

/// Most memory that this process had at once, in bytes.
size_t posix_peak_memory(void);

/// The process group of the process that connected a Unix socket, or -1.
pid_t posix_peer_group(int descriptor);

/// A pipe whose ends do not leak into children. Returns 0, or -errno.
int posix_pipe(int *read_end, int *write_end);

/// A hash of some bytes: equal bytes have equal hashes, others hardly ever (not for secrets).
uint64_t frame_hash(const void *bytes, size_t count);

/// Whether a descriptor is a video device that takes pictures (V4L2 output, as v4l2loopback is).
int posix_takes_video(int descriptor);

/// Asks such a device for pictures of a size, with `layout` four characters of V4L2 (YUYV, YU12), and a rate.
/// `layout`, `width` and `height` become what the device has settled on. Returns 0, or -errno.
int posix_set_video(int descriptor, char layout[4], int *width, int *height, double rate);

/// Rows and columns of a terminal. Returns 0, or -errno.
int posix_terminal_size(int descriptor, int *rows, int *columns);
