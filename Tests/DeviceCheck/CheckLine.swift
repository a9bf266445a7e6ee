import Foundation

/// One line of the check's output: a JSON object that names its step.
struct CheckLine {
    private let facts: [String: Any]

    /// - Parameter facts: strings, numbers, truth values, and lists of these.
    init(_ step: CheckStep, _ facts: [String: Any]) {
        self.facts = facts.merging(["step": step.rawValue]) { own, _ in own }
    }

    func print() {
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? JSONSerialization.data(withJSONObject: facts, options: options) else {
            preconditionFailure("no JSON: \(facts)")
        }
        // One write, so that lines of several processes stay whole.
        FileHandle.standardOutput.write(data + Data("\n".utf8))
    }

    /// Seconds, in thousandths.
    static func seconds(since start: DispatchTime) -> Double {
        let nanoseconds = DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds
        return Double(nanoseconds / 1_000_000) / 1e3
    }

    /// Three digits, which are all that a measurement has; -1 for what JSON has no number for.
    static func rounded(_ value: Double) -> Double {
        guard value != 0, value.isFinite else { return value.isFinite ? 0 : -1 }
        return Double(String(format: "%.3g", value)) ?? value
    }
}
