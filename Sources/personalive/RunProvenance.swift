import BuiltinNodes
import Dataflow
import Foundation
import Launch
import Marks
import NodeKit

/// What a run's pictures are made of: noted in its folder for the encoders that sign them, and in the log of
/// runs.
///
/// Whatever goes wrong here stops no run: it is a sentence.
final class RunProvenance {
    private let run, folder: String
    private let history: RunHistory?
    private let warn: (String) -> Void
    /// By sink: after a portrait was changed, a film is made of both.
    private var sinks: [String: [Ingredient]] = [:]

    /// - Parameters:
    ///   - run: what it is called.
    ///   - folder: the run's.
    init(of run: String, in folder: String, warn: @escaping (String) -> Void) {
        (self.run, self.folder, self.warn) = (run, folder, warn)
        history = RunHistory.path().map(RunHistory.init)
    }

    /// Notes a graph that begins, or that a run is changed to.
    ///
    /// - Parameter text: the graph's text and the values that replace those in it.
    func note(_ graph: CheckedGraph, event: String, text: [UInt8], values: [String: String]) {
        let sources = graph.nodes.filter { $0.spec.inputs.isEmpty && Self.showsPictures($0.spec) }
        var made: [String: Ingredient] = [:]
        let here = Set(graph.machines.filter { $0.launcher == .local }.map(\.name))
        for node in sources {
            // This machine cannot look at files of another.
            made[node.name] =
                here.contains(node.machine)
                ? Self.ingredient(node) : Ingredient(node: node.name, kind: node.kind)
        }
        for sink in graph.nodes where sink.spec.outputs.isEmpty {
            let above = graph.nodes(above: sink.name)
            let new = sources.filter { above.contains($0.name) }.compactMap { made[$0.name] }
            let known = sinks[sink.name] ?? []
            sinks[sink.name] = known + new.filter { !known.contains($0) }
        }
        do { try [Ingredient].note(sinks, in: folder) } catch {
            warn("films of this run are signed without what they are made of: \(error)")
        }
        let values = values.sorted { $0.key < $1.key }.map { "\n\($0.key)=\($0.value)" }.joined()
        let pictures = sources.compactMap { node in
            made[node.name].flatMap { ingredient in
                ingredient.kind == ImageFileNode.spec.kind
                    ? ingredient.sha256.map {
                        RunHistory.Picture(
                            node: node.name, sha256: $0, consent: ingredient.consent?.sha256)
                    } : nil
            }
        }
        do throws(RunHistoryError) {
            try history?.append(
                run: run, event: event, graph: SHA256.text(of: text + Array(values.utf8)),
                pictures: pictures)
        } catch { warn("the log of runs has no line of this one: \(error)") }
    }

    private static func showsPictures(_ spec: NodeSpec) -> Bool {
        spec.outputs.contains { $0.meaning == "rgb" }
    }

    private static func ingredient(_ node: CheckedNode) -> Ingredient {
        let isFile = node.spec.settings.contains {
            $0.name == "path" && ($0.type == .inputFile || $0.type == .inputMedia)
        }
        guard isFile, case .text(let path)? = node.values["path"] else {
            return Ingredient(node: node.name, kind: node.kind)
        }
        var ingredient = Ingredient(
            node: node.name, kind: node.kind,
            path: URL(fileURLWithPath: path).standardizedFileURL.path)
        guard node.kind == ImageFileNode.spec.kind else { return ingredient }
        // A film is read by the encoder that signs, at its end: it may be large.
        ingredient.sha256 = SHA256.text(ofFile: path)
        ingredient.consent = (try? ImageFileNode.consent(for: node.settings)).flatMap { $0 }
            .map(Ingredient.Agreement.init)
        return ingredient
    }
}

extension CheckedGraph {
    /// The nodes whose output reaches a node.
    fileprivate func nodes(above name: String) -> Set<String> {
        var found: Set<String> = [], open = [name]
        while let next = open.popLast() {
            for edge in edges(into: next) where found.insert(edge.from.node).inserted {
                open.append(edge.from.node)
            }
        }
        return found
    }
}
