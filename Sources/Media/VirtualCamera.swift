import Foundation
import Glibc
import Tensors

/// Shows frames as a camera of this machine, in a thread of its own: at an even pace, whatever the pace at which
/// frames come. The thread that gives frames never waits.
package final class VirtualCamera: @unchecked Sendable {
    // Unchecked because every stored variable is guarded by the lock.

    package struct Options: Sendable {
        /// Of v4l2loopback, or a pipe.
        package var device: String
        /// Of the pictures, made even; nil for the first frame's.
        package var width: Int?, height: Int?
        /// Pictures a second.
        package var rate = 25.0

        package init(device: String) { self.device = device }
    }

    private let options: Options
    private let lock = NSCondition()
    private var pacer: Pacer<Tensor<UInt8>>
    private var words: String
    private var warnings: [String] = []
    private var isEnding = false, isOver = false

    /// Nanoseconds until a device that is not there is tried again.
    private static let pause: Int64 = 2_000_000_000

    package init(_ options: Options) {
        self.options = options
        pacer = Pacer(interval: Int64(1e9 / options.rate))
        words = "waiting for the first picture, to show it on \(options.device)"
        let thread = Thread { [self] in run() }
        thread.name = "virtual camera"
        thread.start()
    }

    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body()
    }

    /// Shows the first frame of `[n, h, w, 3]` when its turn comes.
    ///
    /// - Parameter presentation: nanoseconds from the stream's start.
    package func show(_ frame: Tensor<UInt8>, presentation: Int64) {
        locked { pacer.add(frame, presentation: presentation, at: MonotonicClock.now) }
    }

    /// Pictures whose turn came, with or without a device: new ones, and old ones once more; and those that were
    /// passed over.
    package var counts: Pacer<Tensor<UInt8>>.Counts { locked { pacer.counts } }

    /// What it does now, in words.
    package var state: String { locked { words } }

    /// What a person should know, since the last call.
    package func takeWarnings() -> [String] {
        locked {
            defer { warnings = [] }
            return warnings
        }
    }

    /// Ends the thread, and waits for that a second at most.
    package func finish() {
        locked {
            isEnding = true
            let deadline = Date(timeIntervalSinceNow: 1)
            while !isOver, lock.wait(until: deadline) {}
        }
    }

    // MARK: The thread that writes

    private func run() {
        // A pipe's reader that ends is an error like others.
        var broken = sigset_t()
        sigemptyset(&broken)
        sigaddset(&broken, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &broken, nil)
        var place: (VideoPlace, RawPictures)?
        var tryAt = Int64.min
        let interval = Int64(1e9 / options.rate)
        var tick = MonotonicClock.now
        while !locked({ isEnding }) {
            tick += interval
            let now = MonotonicClock.now
            // After a stall of the reader pictures are not made up for.
            if now - tick > interval { tick = now }
            MonotonicClock.sleep(until: tick)
            guard let frame = locked({ pacer.next(at: tick) }) else { continue }
            guard place != nil || tick >= tryAt else { continue }
            do throws(MediaError) {
                if place == nil { place = try open(for: frame) }
                guard let (to, pictures) = place else { continue }
                try to.write(pictures.make(frame)) { locked { isEnding } }
            } catch {
                place = nil
                tryAt = tick + Self.pause
                note(error)
            }
        }
        locked {
            isOver = true
            words = "ended"
            lock.broadcast()
        }
    }

    private func open(
        for frame: Tensor<UInt8>
    ) throws(MediaError) -> (VideoPlace, RawPictures) {
        // The layouts have one colour for two pixels.
        let width = (options.width ?? frame.shape[2]) & ~1
        let height = (options.height ?? frame.shape[1]) & ~1
        let place = try VideoPlace(
            options.device, width: max(width, 2), height: max(height, 2), rate: options.rate,
            layout: .i420)
        locked {
            words =
                "showing \(place.width) × \(place.height) pixels, \(place.layout.rawValue), "
                + "\(options.rate) a second, on \(place.path)"
        }
        return (place, RawPictures(place.layout, width: place.width, height: place.height))
    }

    private func note(_ error: MediaError) {
        locked {
            let text = "\(error); it is tried again every 2 s"
            // Once for an outage, however often it is tried.
            if words != text { warnings.append(text) }
            words = text
        }
    }
}
