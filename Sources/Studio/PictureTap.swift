import CPosix
import Foundation
import Launch
import Marks
import Media
import Synchronization

/// What flows on one output of a run, for all pages that watch it: one tap, and one encoding for each
/// layer that a page wants, however many they are.
///
/// Nobody in the run waits for a tap, and nobody here waits for a page.
final class PictureTap: Sendable {
    /// One picture of one layer, ready to be sent.
    struct Shot: Sendable {
        let layer: PictureLayer
        let isKey: Bool
        /// Whether it is for a page that came later.
        let isPast: Bool
        /// A ``LiveMessage``.
        let bytes: [UInt8]

        init(layer: PictureLayer, message: LiveMessage) {
            (self.layer, isKey, isPast) = (layer, message.isKey, message.isPast)
            bytes = message.bytes
        }

        /// The picture itself.
        var chunk: [UInt8] { Array(bytes[LiveMessage.headerBytes...]) }

        /// The same for a page that came later.
        var past: Shot {
            guard var message = LiveMessage(bytes) else { return self }
            (message.isPast, message.isFirst) = (true, message.isKey)
            return Shot(layer: layer, message: message)
        }

        /// The same keyframe for a page that begins with it, which may have decoded another size before.
        var first: Shot {
            guard var message = LiveMessage(bytes) else { return self }
            message.isFirst = true
            return Shot(layer: layer, message: message)
        }
    }

    /// Who watches.
    protocol Viewer: Sendable {
        /// What it wants now.
        var layer: PictureLayer { get }
        /// Takes a picture of that layer; the thread of the tap calls it, which waits for none.
        func take(_ shot: Shot)
    }

    private struct State {
        /// Each with the layer that it was begun with.
        var viewers: [UInt64: (viewer: any Viewer, layer: PictureLayer?)] = [:]
        var next: UInt64 = 0
        var isRunning = false
        var fault: String?
    }

    private let folder, output: String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - folder: the run's.
    ///   - output: `node.port`.
    init(folder: String, output: String) { (self.folder, self.output) = (folder, output) }

    /// Whether anybody watched of late.
    var isRunning: Bool { state.withLock { $0.isRunning } }

    /// Why there are no pictures; nil where there are, or nobody knows yet.
    var fault: String? { state.withLock { $0.fault } }

    /// Begins to hand pictures to a page, the newest first; returns what ``remove(_:)`` takes.
    func add(_ viewer: any Viewer) -> UInt64 {
        let (number, starts) = state.withLock { state in
            state.next += 1
            state.viewers[state.next] = (viewer, nil)
            defer { state.isRunning = true }
            return (state.next, !state.isRunning)
        }
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
            if state.viewers.isEmpty { state.isRunning = false }
            return state.isRunning
        }
    }

    private var wanted: Set<PictureLayer> {
        state.withLock { Set($0.viewers.values.map(\.viewer.layer)) }
    }

    /// Follows the output through the processes that serve it, one after the other; false when nobody
    /// watches any more.
    private func follow() -> Bool {
        do {
            let client = try RunClient(folder: folder)
            var place = try self.place(client)
            var tap = try EdgeTap(place, window: Self.window)
            var encoders = LayerEncoders(output: output, marks: try marks(client))
            var silentSince = posix_monotonic_ns()
            while isWatched {
                try encoders.keep(wanted)
                catchUp(encoders)
                switch try tap.next(milliseconds: 20) {
                case .message(let stamp, let tensor):
                    silentSince = posix_monotonic_ns()
                    for shot in try encoders.shots(stamp, tensor, for: wanted) { show(shot) }
                case .end, nil:
                    // A node that was replaced serves its output at another place.
                    guard posix_monotonic_ns() - silentSince > Self.patience else { continue }
                    silentSince = posix_monotonic_ns()
                    let now = try self.place(client)
                    guard now != place else { continue }
                    (place, tap) = (now, try EdgeTap(now, window: Self.window))
                }
            }
            return false
        } catch {
            let isWatched = isWatched
            state.withLock { state in
                state.fault = "\(error)"
                // They begin anew with what comes then.
                for number in state.viewers.keys { state.viewers[number]!.layer = nil }
            }
            return isWatched
        }
    }

    /// Frames that may be under way to here. A node hands out the frames of a chunk at once: with a
    /// window of 2, half of a chunk of four never came.
    private static let window: UInt32 = 16

    /// Nanoseconds without a picture after which the output is looked for anew.
    private static let patience: Int64 = 80_000_000

    private func place(_ client: RunClient) throws -> EdgePlace {
        switch try client.ask(.look(output)) {
        case .place(let place): return place
        case .refused(let reason): throw StudioError.refused(reason)
        default: throw StudioError.refused(StudioError.unknownAnswer)
        }
    }

    /// The usual ones where the run does not say its graph, as a trial.
    private func marks(_ client: RunClient) throws -> MarkOptions {
        guard case .graph(let graph) = try client.ask(.graph) else { return MarkOptions() }
        return MarkOptions(of: graph, in: folder)
    }

    /// Hands a page that came, or that wants another layer now, what it needs to begin.
    private func catchUp(_ encoders: LayerEncoders) {
        let new = state.withLock { state in
            var new: [(any Viewer, [Shot])] = []
            for (number, entry) in state.viewers {
                let layer = entry.viewer.layer, past = encoders.past(of: layer)
                guard entry.layer != layer, !past.isEmpty else { continue }
                state.viewers[number]!.layer = layer
                new.append((entry.viewer, past))
            }
            return new
        }
        for (viewer, past) in new { for shot in past { viewer.take(shot.past) } }
    }

    /// Hands a picture to every page that wants its layer and has what came before it.
    private func show(_ shot: Shot) {
        let viewers = state.withLock { state in
            state.fault = nil
            var viewers: [(viewer: any Viewer, begins: Bool)] = []
            for (number, entry) in state.viewers where entry.viewer.layer == shot.layer {
                let begins = entry.layer != shot.layer
                guard !begins || shot.isKey else { continue }
                state.viewers[number]!.layer = shot.layer
                viewers.append((entry.viewer, begins))
            }
            return viewers
        }
        for (viewer, begins) in viewers { viewer.take(begins ? shot.first : shot) }
    }
}

/// The taps of all runs that are watched.
final class PictureTaps: Sendable {
    private let taps = Mutex<[String: PictureTap]>([:])
    /// Beyond so many, those that nobody watches are forgotten: pages may ask for outputs that do not exist.
    private static let most = 64

    /// The tap of an output, which is the same one for all.
    func tap(_ folder: String, _ output: String) -> PictureTap {
        taps.withLock { taps in
            let name = "\(folder) \(output)"
            if let tap = taps[name] { return tap }
            if taps.count >= Self.most { taps = taps.filter { $0.value.isRunning } }
            let tap = PictureTap(folder: folder, output: output)
            taps[name] = tap
            return tap
        }
    }

    /// Waits for one picture.
    private final class Preview: PictureTap.Viewer {
        private let found = Mutex<[UInt8]?>(nil)
        private let came = DispatchSemaphore(value: 0)

        var layer: PictureLayer { .jpeg }

        func take(_ shot: PictureTap.Shot) {
            found.withLock { $0 = shot.chunk }
            came.signal()
        }

        func wait(seconds: Double) -> [UInt8]? {
            came.wait(timeout: .now() + seconds) == .success ? found.withLock { $0 } : nil
        }
    }

    /// The newest picture of an output as JPEG, waited for up to three seconds.
    func picture(_ folder: String, _ output: String) throws -> [UInt8] {
        let tap = tap(folder, output), preview = Preview()
        let viewer = tap.add(preview)
        defer { tap.remove(viewer) }
        guard let picture = preview.wait(seconds: 3) else {
            throw StudioError.missing(
                tap.fault ?? "nothing came from '\(output)' within 3 s: it sends nothing now")
        }
        return picture
    }
}
