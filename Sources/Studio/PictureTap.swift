import CPosix
import Foundation
import Launch
import Media
import NodeKit
import Synchronization
import Tensors

/// What flows on one output of a run, for all pages that watch it: one tap and one encoding, however
/// many they are.
///
/// Nobody in the run waits for a tap, and nobody here waits for a page: each takes the newest.
final class PictureTap: Sendable {
    /// One picture, ready to be sent.
    struct Shot: Sendable {
        let message: [UInt8]
        let jpeg: [UInt8]
        let width, height: Int
    }

    private struct State {
        var viewers: [UInt64: @Sendable (Shot) -> Void] = [:]
        var next: UInt64 = 0
        var isRunning = false
        var last: (shot: Shot, at: ContinuousClock.Instant)?
        var fault: String?
    }

    private let folder, output: String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - folder: the run's.
    ///   - output: `node.port`.
    init(folder: String, output: String) { (self.folder, self.output) = (folder, output) }

    /// Why there are no pictures; nil where there are, or nobody knows yet.
    var fault: String? { state.withLock { $0.fault } }

    /// The newest picture, unless it is older than some time.
    func last(within age: Duration) -> Shot? {
        state.withLock { state in
            state.last.flatMap { ContinuousClock.now - $0.at < age ? $0.shot : nil }
        }
    }

    /// Begins to hand pictures to a page, the last one at once; returns what ``remove(_:)`` takes.
    func add(_ take: @escaping @Sendable (Shot) -> Void) -> UInt64 {
        let (number, last, starts) = state.withLock { state in
            state.next += 1
            state.viewers[state.next] = take
            defer { state.isRunning = true }
            return (state.next, state.last?.shot, !state.isRunning)
        }
        if let last { take(last) }
        if starts { start() }
        return number
    }

    func remove(_ viewer: UInt64) { state.withLock { $0.viewers[viewer] = nil } }

    // MARK: The thread that looks on

    private func start() {
        let thread = Thread { [self] in
            while follow() { usleep(200_000) }
        }
        thread.stackSize = 4 << 20
        thread.start()
    }

    /// Whether anybody still watches; the thread that learns that nobody does must end.
    private var isWatched: Bool {
        state.withLock { state in
            if state.viewers.isEmpty { (state.isRunning, state.last) = (false, nil) }
            return state.isRunning
        }
    }

    /// Follows the output through the processes that serve it, one after the other; false when nobody
    /// watches any more.
    private func follow() -> Bool {
        do {
            let client = try RunClient(folder: folder)
            var place = try self.place(client)
            var tap = try EdgeTap(place, window: 2)
            let encoder = JPEGEncoder()
            var (sequence, silentSince) = (UInt32(0), posix_monotonic_ns())
            while isWatched {
                switch try tap.next(milliseconds: 20) {
                case .message(let stamp, let tensor):
                    silentSince = posix_monotonic_ns()
                    try show(stamp, tensor, &sequence, encoder)
                case .end, nil:
                    // A node that was replaced serves its output at another place.
                    guard posix_monotonic_ns() - silentSince > Self.patience else { continue }
                    silentSince = posix_monotonic_ns()
                    let now = try self.place(client)
                    guard now != place else { continue }
                    (place, tap) = (now, try EdgeTap(now, window: 2))
                }
            }
            return false
        } catch {
            state.withLock { $0.fault = "\(error)" }
            return isWatched
        }
    }

    /// Nanoseconds without a picture after which the output is looked for anew.
    private static let patience: Int64 = 80_000_000

    private func place(_ client: RunClient) throws -> EdgePlace {
        switch try client.ask(.look(output)) {
        case .place(let place): return place
        case .refused(let reason): throw StudioError.refused(reason)
        default: throw StudioError.refused(StudioError.unknownAnswer)
        }
    }

    /// Makes one message of what came, and hands it to every page.
    ///
    /// Pictures go as JPEG. The packets of an encoder would go as they are, as `videoDown` with their
    /// keyframe flag: the page decodes H.264 in Annex B, and waits for a keyframe after a gap.
    private func show(
        _ stamp: Stamp, _ tensor: AnyTensor, _ sequence: inout UInt32, _ encoder: JPEGEncoder
    ) throws {
        guard let frames: Tensor<UInt8> = tensor.typed(), frames.shape.count == 4,
            frames.shape[3] == 3
        else {
            let shape = tensor.shape.map(String.init).joined(separator: " ")
            throw StudioError.refused(
                "'\(output)' carries \(tensor.elementType.name) [\(shape)], which is no picture")
        }
        let jpeg = try encoder.encode(frames)
        let size = encoder.size(of: frames.shape)
        let message = LiveMessage(
            kind: .picture, isKey: true, isFirst: sequence == 0, sequence: sequence,
            captured: stamp.captured / 1000, presentation: stamp.presentation / 1000, chunk: jpeg)
        sequence &+= 1
        let shot = Shot(
            message: message.bytes, jpeg: jpeg, width: size.width, height: size.height)
        let viewers = state.withLock { state in
            (state.last, state.fault) = ((shot, .now), nil)
            return Array(state.viewers.values)
        }
        for take in viewers { take(shot) }
    }
}

/// The taps of all runs that are watched.
final class PictureTaps: Sendable {
    private let taps = Mutex<[String: PictureTap]>([:])

    /// The tap of an output, which is the same one for all.
    func tap(_ folder: String, _ output: String) -> PictureTap {
        taps.withLock { taps in
            let name = "\(folder) \(output)"
            if let tap = taps[name] { return tap }
            let tap = PictureTap(folder: folder, output: output)
            taps[name] = tap
            return tap
        }
    }

    /// One picture of an output, waited for up to three seconds.
    func picture(_ folder: String, _ output: String) throws -> PictureTap.Shot {
        let tap = tap(folder, output)
        if let shot = tap.last(within: .milliseconds(400)) { return shot }
        let came = DispatchSemaphore(value: 0)
        let found = Mutex<PictureTap.Shot?>(nil)
        let viewer = tap.add { shot in
            found.withLock { $0 = shot }
            came.signal()
        }
        defer { tap.remove(viewer) }
        guard came.wait(timeout: .now() + 3) == .success, let shot = found.withLock({ $0 }) else {
            throw StudioError.missing(
                tap.fault ?? "nothing came from '\(output)' within 3 s: it sends nothing now")
        }
        return shot
    }
}
