import CPosix
import CZeroMQ
import Foundation
import Glibc
import Wire

/// Why a running graph could not be asked.
package enum RunClientError: Error, CustomStringConvertible, Equatable {
    case nothingRuns
    case unknown(String, running: [String])
    /// Several runs have this name: their folders.
    case ambiguous(String, folders: [String])
    /// No name was given, and several runs live: their names, or folders of those that have none.
    case several([String])
    case silent(folder: String, seconds: Double)
    /// Its supervisor is gone.
    case over(folder: String)

    package var description: String {
        switch self {
        case .nothingRuns: "no graph is running ('personalive run FILE' starts one)"
        case .unknown(let name, let running):
            "no run is called '\(name)'; running: \(running.joined(separator: ", "))"
        case .ambiguous(let name, let folders):
            "several runs are called '\(name)'; name one by its folder: "
                + folders.joined(separator: ", ")
        case .several(let names):
            "\(names.count) graphs run: \(names.joined(separator: ", ")); say which one is meant by its name"
        case .over(let folder): "the run in \(folder) is over"
        case .silent(let folder, let seconds):
            "the run in \(folder) does not answer within \(seconds) s: its supervisor is stopped or "
                + "overloaded"
        }
    }
}

/// Talks to one running graph.
package final class RunClient {
    /// The run's folder.
    package let folder: String
    private let socket: ZMQSocketBox

    /// Connects to the run whose sockets are in `folder`.
    package init(folder: String) throws {
        self.folder = folder
        let identity = "?\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        socket = ZMQSocketBox(
            try ZMQSocket(.dealer, in: ZMQContext(), identity: identity, linger: 0))
        try socket.socket.connect(NodeConfiguration.controlEndpoint(in: folder))
    }

    /// Connects to a run by its name or its folder; without one, to the only one.
    package convenience init(_ run: String?) throws {
        if let run, run.contains("/") {
            try self.init(folder: run)
        } else {
            try self.init(folder: Self.find(run))
        }
    }

    /// Asks, and waits for the last reply; `note` is told of those before it.
    ///
    /// - Parameter seconds: how long the run may be silent.
    package func ask(
        _ request: RunRequest, seconds: Double = 5, note: (String) -> Void = { _ in }
    ) throws -> RunReply {
        request.jsonBytes.withUnsafeBytes { _ = socket.socket.send($0) }
        while true {
            let reply = try next(seconds: seconds)
            if case .note(let text) = reply { note(text) }
            if reply.isLast { return reply }
        }
    }

    /// How the run stands.
    package func status(seconds: Double = 5) throws -> RunStatus {
        guard case .status(let status) = try ask(.status, seconds: seconds) else {
            throw RunClientError.silent(folder: folder, seconds: seconds)
        }
        return status
    }

    private func next(seconds: Double) throws -> RunReply {
        let deadline = posix_monotonic_ns() + Int64(seconds * 1e9)
        while posix_monotonic_ns() < deadline {
            var items = [socket.socket.pollItem]
            zmqPoll(&items, milliseconds: 50)
            guard let frames = socket.socket.receive() else {
                if !RunFolder.isAlive(folder) { throw RunClientError.over(folder: folder) }
                continue
            }
            return try frames[0].withBytes { bytes in
                try JSONDecoder().decode(RunReply.self, from: Data(bytes))
            }
        }
        throw RunClientError.silent(folder: folder, seconds: seconds)
    }

    // MARK: Finding runs

    /// The user's runs, the one that began last first; those that do not answer are left out.
    package static func runs() -> [RunStatus] {
        RunFolder.all.compactMap { try? RunClient(folder: $0).status(seconds: 1) }
    }

    private static func find(_ name: String?) throws -> String {
        let folders = RunFolder.all
        guard let only = folders.first else { throw RunClientError.nothingRuns }
        guard let name else {
            guard folders.count == 1 else {
                throw RunClientError.several(folders.map { RunFolder.name(of: $0) ?? $0 }.sorted())
            }
            return only
        }
        let runs = runs()
        let named = runs.filter { $0.name == name || $0.folder.hasSuffix("/\(name)") }
        guard let run = named.first else {
            throw RunClientError.unknown(name, running: runs.map(\.name))
        }
        guard named.count == 1 else {
            throw RunClientError.ambiguous(name, folders: named.map(\.folder))
        }
        return run.folder
    }
}
