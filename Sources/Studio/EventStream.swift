import FlyingFox
import FlyingSocks
import Foundation

/// Server-sent events as the body of an answer (WHATWG HTML, section 9.2).
struct EventStream: AsyncBufferedSequence {
    typealias Element = UInt8

    /// Events to send, and how the source is told that nobody reads any more.
    private let events: AsyncStream<String>

    /// - Parameter source: makes events until its task is cancelled.
    init(_ source: @escaping @Sendable (AsyncStream<String>.Continuation) async -> Void) {
        // A page that does not read gets the newest: older ones are worth nothing.
        events = AsyncStream(bufferingPolicy: .bufferingNewest(8)) { continuation in
            let task = Task {
                await source(continuation)
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// An event of a name with data of one line.
    static func event(_ name: String, _ data: String) -> String {
        "event: \(name)\ndata: \(data.replacing("\n", with: "\ndata: "))\n\n"
    }

    func makeAsyncIterator() -> Iterator { Iterator(events: events.makeAsyncIterator()) }

    struct Iterator: AsyncBufferedIteratorProtocol {
        var events: AsyncStream<String>.Iterator

        mutating func next() async throws -> UInt8? {
            preconditionFailure("events are read whole")
        }

        mutating func nextBuffer(suggested count: Int) async throws -> [UInt8]? {
            guard let event = await events.next() else { return nil }
            return Array(event.utf8)
        }
    }
}
