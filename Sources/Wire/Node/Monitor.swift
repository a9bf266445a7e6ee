import Glibc

/// A lock with something to wait for: at fixed addresses, as the C library wants them.
final class Monitor: @unchecked Sendable {
    // Unchecked because the C library's calls may come from any thread.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        // Recursive: dropping a message's last reference gives its memory back, which asks for the
        // lock again on the thread that holds it.
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
        pthread_mutex_init(lock, &attributes)
        pthread_mutexattr_destroy(&attributes)
        var clock = pthread_condattr_t()
        pthread_condattr_init(&clock)
        pthread_condattr_setclock(&clock, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &clock)
        pthread_condattr_destroy(&clock)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body()
    }

    /// Call with the lock held; it is given up while waiting.
    func wait() { pthread_cond_wait(changed, lock) }

    /// The same, but not for longer than until a time of the monotonic clock, in nanoseconds.
    ///
    /// - Returns: false when that time has come.
    func wait(until deadline: Int64) -> Bool {
        var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        return pthread_cond_timedwait(changed, lock, &time) == 0
    }

    func wakeAll() { pthread_cond_broadcast(changed) }
}
