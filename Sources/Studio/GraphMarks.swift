import Launch
import Marks
import NodeKit

extension MarkOptions {
    /// The marks of the pictures of a run's page: those that the graph's own encoders are set to, the usual
    /// ones where it has none. They are off where all of its encoders have them off.
    ///
    /// - Parameter folder: the run's.
    init(of graph: RunGraph, in folder: String) {
        // Names of the settings of every node that marks pictures.
        let (label, corner) = ("label-ai-generated", "visible-mark")
        let encoders = graph.settings.sorted { $0.key < $1.key }.map(\.value).filter {
            $0[label] != nil && $0[corner] != nil
        }
        let isLabelled = { (values: [String: SettingValue]) in values[label] != .flag(false) }
        let values = encoders.first(where: isLabelled) ?? encoders.first ?? [:]
        func text(_ name: String) -> String? {
            if case .text(let text)? = values[name] { text } else { nil }
        }
        let usual = VisibleSign()
        self.init(
            isLabelled: isLabelled(values),
            corner: text(corner).map { VisibleSign.Corner(rawValue: $0) } ?? usual.corner,
            text: text("visible-mark-text") ?? usual.text,
            isComposite: text("source-type") == "composite", owner: "\(folder)/studio")
    }
}
