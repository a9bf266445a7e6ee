import Foundation
import Synchronization

/// What waits to be sent to one page: texts in order, and of pictures the newest only.
///
/// The socket takes from it as fast as the network does, so nothing piles up here. A page also says
/// which pictures it has, and no more than ``window`` are under way to it: what the kernel and the
/// network may hold is bounded too, and with it the age of what a slow page shows.
final class Outbox: Sendable {
    enum Item: Equatable, Sendable {
        case text(String)
        case bytes([UInt8])
    }

    private struct State {
        var texts: [String] = []
        var picture: [UInt8]?
        var waiter: CheckedContinuation<Item?, Never>?
        var isClosed = false
        var sent: UInt32 = 0
        var acknowledged: UInt32 = 0
        var replaced = 0
    }

    private let state = Mutex(State())
    /// Pictures that may be under way: at 25 a second, those of 240 ms.
    static let window: UInt32 = 6
    private static let mostTexts = 256

    /// Pictures that a newer one replaced before they were sent.
    var replaced: Int { state.withLock { $0.replaced } }

    func send(_ text: String) {
        deliver { state in
            if state.texts.count < Self.mostTexts { state.texts.append(text) }
        }
    }

    func send(picture message: [UInt8]) {
        deliver { state in
            if state.picture != nil { state.replaced += 1 }
            state.picture = message
        }
    }

    /// The page has so many pictures.
    func acknowledge(_ count: UInt32) {
        deliver { $0.acknowledged = min(max($0.acknowledged, count), $0.sent) }
    }

    func close() { deliver { $0.isClosed = true } }

    private func deliver(_ change: @Sendable (inout State) -> Void) {
        let (waiter, item): (CheckedContinuation<Item?, Never>?, Item?) = state.withLock { state in
            change(&state)
            guard let waiter = state.waiter else { return (nil, nil) }
            let item = Self.take(&state)
            guard item != nil || state.isClosed else { return (nil, nil) }
            state.waiter = nil
            return (waiter, item)
        }
        waiter?.resume(returning: item)
    }

    private static func take(_ state: inout State) -> Item? {
        if state.isClosed { return nil }
        if !state.texts.isEmpty { return .text(state.texts.removeFirst()) }
        guard let picture = state.picture, state.sent - state.acknowledged < window else { return nil }
        state.picture = nil
        state.sent += 1
        return .bytes(picture)
    }

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
