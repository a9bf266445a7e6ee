import CFFmpeg
import Glibc
import Synchronization

/// How long a connection may give nothing: whatever libavformat waits for, it is made to stop then.
final class Patience: Sendable {
    private let timeout: Int64
    private let deadline = Atomic<Int64>(.max)
    /// When all calls are over, however late they began.
    private let limit = Atomic<Int64>(.max)

    /// What did not happen, for a person.
    private let fault: String

    /// - Parameter timeout: nanoseconds.
    init(_ timeout: Int64, fault: String = "nothing came") {
        (self.timeout, self.fault) = (timeout, fault)
    }

    /// Makes a context ask, which it does several times a second and from its own threads as well.
    ///
    /// The context must not outlive this object.
    func attach(to context: UnsafeMutablePointer<AVFormatContext>) {
        context.pointee.interrupt_callback.opaque = Unmanaged.passUnretained(self).toOpaque()
        context.pointee.interrupt_callback.callback = { object in
            Unmanaged<Patience>.fromOpaque(object!).takeUnretainedValue().isOver ? 1 : 0
        }
    }

    /// The next call has the whole time again.
    func begin() { deadline.store(MonotonicClock.now + timeout, ordering: .relaxed) }

    /// No call takes longer than until then, nanoseconds of the monotonic clock.
    func limit(to time: Int64) { limit.store(time, ordering: .relaxed) }

    /// What is being waited for is not waited for any longer.
    func end() { limit(to: 0) }

    var microseconds: Int64 { timeout / 1000 }

    var isOver: Bool {
        let now = MonotonicClock.now
        return now > deadline.load(ordering: .relaxed) || now > limit.load(ordering: .relaxed)
    }

    /// A call's code as words.
    func reason(_ code: Int32) -> String {
        guard code == FF_EXIT || code == -ETIMEDOUT || isOver else {
            return FFmpeg.reason(code, isNetwork: true)
        }
        let tenths = timeout / 100_000_000
        return "\(fault) for \(tenths / 10)" + (tenths % 10 > 0 ? ".\(tenths % 10)" : "") + " s"
    }
}
