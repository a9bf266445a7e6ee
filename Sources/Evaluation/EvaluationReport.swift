import Foundation

/// The JSON of an evaluation.
package struct EvaluationReport: Encodable {
    private struct Delay: Encodable {
        var found: Bool
        var frames: Int
        var ms: Double
        /// Mean correlation of the curves with the delay taken out.
        var correlation: Double?
    }

    private struct Film: Encodable {
        var frames: Int
        var withoutFace: Int
        var width: Int
        var height: Int
    }

    /// Of this form: it grows by one when a member goes or means something else.
    private var version = 1
    private var files: Evaluation.Files
    private var result, driver: Film
    private var framesCompared: Int
    private var delay: Delay
    private var figures: [Figure]
    private var notes: [String]
    private var notMeasured: [String]

    package init(_ evaluation: Evaluation) {
        func film(_ track: FaceTrack) -> Film {
            Film(
                frames: track.times.count, withoutFace: track.missing, width: track.width,
                height: track.height)
        }
        files = evaluation.files
        (result, driver) = (film(evaluation.result), film(evaluation.driver))
        framesCompared = evaluation.pairs.count
        delay = Delay(
            found: evaluation.delay.best != nil, frames: evaluation.delay.frames,
            ms: Double(evaluation.delay.nanoseconds) / 1e6,
            correlation: evaluation.delay.best?.correlation)
        (figures, notes, notMeasured) = (evaluation.figures, evaluation.notes, evaluation.missing)
    }

    /// One JSON object.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension Evaluation {
    /// For a terminal: the delay, then a line for each figure.
    package var text: String {
        var lines = [
            "\(pairs.count) frames compared; \(delayText)",
            "",
            Self.row(["", "value", "95 %", "copied portrait", "shuffled driver", "driver itself"]),
        ]
        for figure in figures {
            let interval = figure.low.flatMap { low in
                figure.high.map { "\(figure.text(low)) to \(figure.text($0))" }
            }
            let unit = figure.unit.isEmpty ? "" : ", \(figure.unit)"
            lines.append(
                Self.row([
                    figure.title + unit, figure.text(figure.value), interval ?? "–",
                    figure.text(figure.controls.copiedPortrait),
                    figure.text(figure.controls.shuffledDriver),
                    figure.text(figure.controls.driverItself),
                ]))
        }
        lines += notes.isEmpty ? [] : [""] + notes.map { "note: \($0)" }
        lines += missing.isEmpty ? [] : [""] + missing.map { "not measured: \($0)" }
        return lines.joined(separator: "\n")
    }

    /// `the result is 7 frames (280 ms) late, which is taken out`.
    var delayText: String {
        guard let best = delay.best else { return "no delay was found" }
        guard best.frames != 0 else { return "the result is not late" }
        let count = abs(best.frames)
        let milliseconds = Int((Double(abs(delay.nanoseconds)) / 1e6).rounded())
        return "the result is \(count) frame\(count == 1 ? "" : "s") (\(milliseconds) ms) "
            + "\(best.frames > 0 ? "late" : "early"), which is taken out"
    }

    private static func row(_ cells: [String]) -> String {
        let widths = [30, 10, 18, 17, 17, 15]
        return zip(cells, widths).enumerated().map { index, cell in
            let space = String(repeating: " ", count: max(cell.1 - cell.0.count, 0))
            return index == 0 ? cell.0 + space : space + cell.0
        }.joined()
    }
}
