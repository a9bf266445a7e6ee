import Foundation
import Synchronization

/// One page's way to the camera's node: opened when the page starts its camera, opened again when the
/// node was replaced, and left alone when another page sends instead.
final class CameraWay: Sendable {
    private struct State {
        var connection: CameraLine.Connection?
        /// Another page took over: this one stays out until its user starts the camera again.
        var isTaken = false
        var isOn = false
        var triedAt: ContinuousClock.Instant?
    }

    private let line: CameraLine
    private let say: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// Between two tries of a node that does not listen.
    private static let pause = Duration.milliseconds(300)

    /// - Parameter say: is told what the page has to know, as JSON.
    init(_ line: CameraLine, _ say: @escaping @Sendable (String) -> Void) {
        (self.line, self.say) = (line, say)
    }

    /// The page's user started the camera, or stopped it.
    func turn(on isOn: Bool) {
        let old = state.withLock { state -> CameraLine.Connection? in
            (state.isOn, state.isTaken, state.triedAt) = (isOn, false, nil)
            guard !isOn else { return nil }
            defer { state.connection = nil }
            return state.connection
        }
        old?.close()
    }

    func send(_ message: [UInt8]) {
        if let connection = state.withLock({ $0.connection }), !connection.isClosed {
            return connection.send(message)
        }
        if isToTry(at: .now), let fresh = line.connected(hear: { [weak self] in self?.hear($0) }) {
            state.withLock { $0.connection = fresh }
            // What came before a keyframe is of no use to a node that begins.
            say(#"{"key":true}"#)
            fresh.send(message)
        }
    }

    /// Whether the node is to be looked for now.
    private func isToTry(at now: ContinuousClock.Instant) -> Bool {
        state.withLock { state -> Bool in
            state.connection = nil
            guard state.isOn, !state.isTaken else { return false }
            if let tried = state.triedAt, now - tried < Self.pause { return false }
            state.triedAt = now
            return true
        }
    }

    func close() { turn(on: false) }

    private func hear(_ text: String) {
        if text.contains(#""taken":true"#) { state.withLock { $0.isTaken = true } }
        say(text)
    }
}
