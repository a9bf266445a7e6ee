import Foundation
import Synchronization

/// What waits to be sent to one page: texts in order, of pictures the newest only, and of a video so much
/// as is not old.
///
/// A packet of a video needs those before it. When too many wait, all of them are dropped, and so are
/// those that follow, up to the next keyframe.
///
/// The socket takes from it as fast as the network does, so nothing piles up here. A page also says
/// which pictures it has, and no more than a window are under way to it: what the kernel and the
/// network may hold is bounded too, and with it the age of what a slow page shows. The window is halved
/// while pictures take long, down to one, and grows again by one.
final class Outbox: Sendable {
    enum Item: Equatable, Sendable {
        case text(String)
        case bytes([UInt8])
    }

    /// A message with a picture.
    struct Picture: Sendable {
        let bytes: [UInt8]
        /// Whether it can be shown without those before it.
        let isKey: Bool
        /// Whether the one after it can be shown without it.
        let isAlone: Bool
        /// Whether it is one that a page missed which came later: of those any number may wait.
        let isPast: Bool

        init(_ bytes: [UInt8], isKey: Bool = true, isAlone: Bool = true, isPast: Bool = false) {
            (self.bytes, self.isKey, self.isAlone) = (bytes, isKey, isAlone)
            self.isPast = isPast
        }
    }

    private struct State {
        var texts: [String] = []
        /// In the order in which they are sent: one picture, or packets of a video.
        var pictures: [Picture] = []
        /// Packets were dropped, so those up to the next keyframe are of no use.
        var needsKey = false
        var waiter: CheckedContinuation<Item?, Never>?
        var isClosed = false
        var sent: UInt32 = 0
        var acknowledged: UInt32 = 0
        /// When those under way were sent, the oldest first.
        var times: [ContinuousClock.Instant] = []
        var window = Outbox.window
        /// The quickest acknowledgements of this and of the last few seconds: the way there and back.
        var quickest: (now: Duration, before: Duration)?
        var quickestSince: ContinuousClock.Instant?
        /// The first picture that was sent with the window as it is.
        var changedAt: UInt32 = 0
        var replaced = 0
    }

    private let state = Mutex(State())
    /// Pictures that may be under way at most besides those of the way there and back: at 25 a second,
    /// those of 240 ms.
    static let window: UInt32 = 6
    /// A picture that took so much longer than the quickest of late is a sign of a slow way; one that took
    /// less, of a free one.
    private static let (long, short) = (Duration.milliseconds(250), Duration.milliseconds(100))
    /// No way is believed to take longer by itself, and the quickest is sought anew so often.
    private static let (longestWay, memory) = (Duration.milliseconds(600), Duration.seconds(5))
    /// One picture is reckoned for so much of the way.
    private static let period = Duration.milliseconds(40)
    private static let mostTexts = 256
    /// Packets of a video that may wait: at 25 a second, those of 320 ms.
    private static let mostPackets = 8

    /// Pictures that were dropped for newer ones before they were sent.
    var replaced: Int { state.withLock { $0.replaced } }

    func send(_ text: String) {
        deliver { state in
            if state.texts.count < Self.mostTexts { state.texts.append(text) }
        }
    }

    /// - Returns: whether packets of a video were dropped for it: the way is too slow for them.
    @discardableResult
    func send(picture: Picture) -> Bool {
        deliver { state in
            if state.needsKey, !picture.isKey {
                state.replaced += 1
                return false
            }
            state.needsKey = false
            let isFull = state.pictures.count { !$0.isPast } >= Self.mostPackets
            if !picture.isAlone, !isFull {
                state.pictures.append(picture)
                return false
            }
            state.replaced += state.pictures.count
            state.pictures = picture.isKey ? [picture] : []
            state.needsKey = !picture.isKey
            if state.needsKey { state.replaced += 1 }
            return !picture.isAlone
        }
    }

    /// The page has so many pictures.
    func acknowledge(_ count: UInt32, at now: ContinuousClock.Instant = .now) {
        deliver { state in
            let count = min(max(state.acknowledged, count), state.sent)
            let news = Int(count - state.acknowledged)
            guard news > 0 else { return }
            let took = now - state.times[news - 1]
            state.times.removeFirst(news)
            state.acknowledged = count
            // Those that were under way before the last change say nothing of it.
            guard count > state.changedAt else { return }
            let before = state.window, way = Self.way(&state, took, at: now)
            if took > way + Self.long {
                state.window = max(1, state.window / 2)
            } else if took < way + Self.short {
                state.window = min(Self.window + UInt32(way / Self.period), state.window + 1)
            }
            if before != state.window { state.changedAt = state.sent }
        }
    }

    /// How long the way there and back takes while nothing waits on it: acknowledgements may be late by
    /// themselves, behind the pictures of the page's camera.
    private static func way(_ state: inout State, _ took: Duration, at now: ContinuousClock.Instant)
        -> Duration
    {
        var quickest = state.quickest ?? (took, took)
        quickest.now = min(quickest.now, took)
        if now - (state.quickestSince ?? now) > memory {
            (quickest, state.quickestSince) = ((took, quickest.now), now)
        }
        state.quickestSince = state.quickestSince ?? now
        state.quickest = quickest
        return max(.zero, min(quickest.now, quickest.before, longestWay))
    }

    func close() { deliver { $0.isClosed = true } }

    private func deliver<Result: Sendable>(_ change: @Sendable (inout State) -> Result) -> Result {
        typealias Waiter = CheckedContinuation<Item?, Never>
        let (waiter, item, result): (Waiter?, Item?, Result) = state.withLock { state in
            let result = change(&state)
            guard let waiter = state.waiter else { return (nil, nil, result) }
            let item = Self.take(&state)
            guard item != nil || state.isClosed else { return (nil, nil, result) }
            state.waiter = nil
            return (waiter, item, result)
        }
        waiter?.resume(returning: item)
        return result
    }

    private static func take(_ state: inout State) -> Item? {
        if state.isClosed { return nil }
        if !state.texts.isEmpty { return .text(state.texts.removeFirst()) }
        guard let picture = state.pictures.first, state.sent - state.acknowledged < state.window
        else { return nil }
        state.pictures.removeFirst()
        state.sent += 1
        state.times.append(.now)
        return .bytes(picture.bytes)
    }

    /// What may be sent now; nil where there is nothing, or the window is full.
    func takeNow() -> Item? { state.withLock { Self.take(&$0) } }

    /// The next item, waited for; nil when it is closed.
    func next() async -> Item? {
        await withCheckedContinuation { continuation in
            let now: Item?? = state.withLock { state in
                if let item = Self.take(&state) { return .some(item) }
                if state.isClosed { return .some(nil) }
                state.waiter = continuation
                return nil
            }
            if let now { continuation.resume(returning: now) }
        }
    }
}
