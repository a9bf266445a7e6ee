import Foundation
import Launch
import Synchronization

/// What a run tells a page: twice a second how it stands, lines of its log as they come, and at the end
/// a reason.
struct RunEvents: Sendable {
    let folder: String
    let looks: RunLooks

    var stream: EventStream {
        EventStream { [self] events in
            let log = try? await waiting { LogFolder.of(run: folder).map(Lines.init) }
            // Of the log before this page came, a few lines.
            var most = 20
            while !Task.isCancelled {
                do {
                    let view = try await waiting { try looks.view(of: folder) }
                    events.yield(Self.event("status", view))
                } catch {
                    events.yield(Self.event("over", ["error": "\(error)"]))
                    return
                }
                let lines = (try? await waiting { log?.next() ?? [] }) ?? []
                for line in lines.suffix(most) { events.yield(Self.event("log", ["line": line])) }
                most = 50
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private static func event(_ name: String, _ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) }
        return EventStream.event(name, text ?? "{}")
    }

    /// Reads a log in several threads, one after the other.
    private final class Lines: Sendable {
        private let reader: Mutex<LogReader>
        init(_ log: LogFolder) { reader = Mutex(LogReader(log)) }
        func next() -> [String] { reader.withLock { $0.lines() } }
    }
}
