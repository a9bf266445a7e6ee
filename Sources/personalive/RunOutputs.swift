import Dataflow
import Foundation
import Glibc
import Launch
import NodeKit
import Tensors
import Wire

/// The files that a run writes: what it made of them, and nothing that was there before.
struct RunOutputs {
    private struct Output: Hashable {
        let node: String
        let path: String
    }

    /// What changes when a file is replaced or written to.
    private struct Stamp: Equatable {
        let inode: UInt64
        let seconds, nanoseconds: Int

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            inode = UInt64(status.st_ino)
            (seconds, nanoseconds) = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
        }
    }

    private let folder: String
    private let began = time(nil)
    private var outputs: [Output] = []
    /// Files on other machines, which this one cannot look at.
    private var elsewhere: [(output: Output, machine: String)] = []
    private var before: [Output: Stamp] = [:]

    /// - Parameter folder: the run's.
    init(of graph: CheckedGraph, in folder: String) {
        self.folder = folder
        add(graph)
        for output in outputs { before[output] = Stamp(output.path) }
    }

    /// The graph as it ended writes other files too.
    mutating func add(_ graph: CheckedGraph) {
        let local = Set(graph.machines.filter { $0.launcher == .local }.map(\.name))
        for node in graph.nodes {
            for setting in node.spec.settings where setting.type == .outputFile {
                guard case .text(let path)? = node.values[setting.name] else { continue }
                let output = Output(node: node.name, path: path)
                if local.contains(node.machine) {
                    if !outputs.contains(output) { outputs.append(output) }
                } else if !elsewhere.contains(where: { $0 == (output, node.machine) }) {
                    elsewhere.append((output, node.machine))
                }
            }
        }
    }

    /// Why the run cannot begin: another one writes one of its files. Nil when it can.
    var refusal: String? {
        let taken = outputs.compactMap { output -> String? in
            guard let draft = (try? FilePlace(output.path)).flatMap(Draft.holder) else {
                return nil
            }
            return
                "error: node '\(output.node)': \(DraftError.taken(target: output.path, draft: draft))\n"
        }
        return taken.isEmpty ? nil : taken.joined()
    }

    /// Files that the run has put in their places, or written into.
    var made: [String] {
        outputs.filter(isMade).map(\.path)
    }

    /// Files on other machines whose nodes have taken frames, each as `film.mp4 on 'gpu'`.
    func made(by snapshot: RunSnapshot) -> [String] {
        elsewhere.filter { output, _ in
            snapshot.nodes.contains { $0.name == output.node && $0.report.deliveredCount > 0 }
        }.map { "\($0.output.path) on '\($0.machine)'" }
    }

    private func isMade(_ output: Output) -> Bool {
        guard let place = try? FilePlace(output.path), place.kind != .nothing,
            let now = Stamp(output.path)
        else { return false }
        if place.kind == .pipe || place.kind == .characterDevice { return true }
        if let old = before[output] { return old != now }
        return now.seconds >= Int(began)
    }

    /// Clears away what was begun for these files; what has something in it stays.
    ///
    /// - Returns: drafts that stay.
    func settle() -> [String] {
        outputs.compactMap { output in
            guard let place = try? FilePlace(output.path) else { return nil }
            let owner = NodeConfiguration.owner(of: output.node, in: folder)
            return Draft.settle(place, owner: owner, isOver: true)
        }
    }
}
