import Foundation
import Media
import NodeKit
import Tensors

/// Measures how much two streams of pictures differ, frame by frame.
package struct CompareNode: Node {
    package static let first = Port(
        "first", UInt8.self, "1 h w 3", meaning: "rgb", "one picture of a frame")
    package static let second = Port(
        "second", UInt8.self, "1 h w 3", meaning: "rgb", "the other picture of the same frame")
    package static let report = Setting(
        "report", String.self, type: .outputFile, isOptional: true,
        "a JSON file: number of frames, PSNR in dB over all of them, the worst frame and its PSNR")

    package static let spec = NodeSpec(
        "compare", "Measures how much two streams of pictures differ: PSNR in dB.",
        inputs: [first, second], settings: [report], state: .saved)

    /// What was found so far.
    package struct Report: Codable, Equatable {
        package private(set) var frames = 0
        /// Over all frames, and of the one that differs most; nil while nothing differs.
        package private(set) var psnrDB: Double?
        package private(set) var worstPSNRDB: Double?
        package private(set) var worstFrame: UInt64?
        private var sumOfErrors = 0.0

        package init() {}

        private enum CodingKeys: String, CodingKey {
            case frames
            case psnrDB = "psnr_db"
            case worstPSNRDB = "worst_psnr_db"
            case worstFrame = "worst_frame"
            case sumOfErrors = "sum_of_squared_errors"
        }

        package mutating func add(frame: UInt64, squaredError: Double) {
            frames += 1
            sumOfErrors += squaredError
            guard sumOfErrors > 0 else { return }
            psnrDB = FilmComparison.decibels(ofSquaredError: sumOfErrors / Double(frames))
            let decibels = FilmComparison.decibels(ofSquaredError: squaredError)
            if decibels < worstPSNRDB ?? .infinity { (worstPSNRDB, worstFrame) = (decibels, frame) }
        }
    }

    private let path: String?
    private var report = Report()

    package init(settings: Settings) throws { path = settings[ifSet: Self.report] }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let (one, two) = (inputs[Self.first], inputs[Self.second])
        guard one.shape == two.shape else {
            throw ShapesDiffer(description: 
                "'first' is a picture of \(one.shape[2])x\(one.shape[1]) and 'second' of "
                + "\(two.shape[2])x\(two.shape[1]): only pictures of one size can be compared")
        }
        report.add(
            frame: inputs.stamp.frame, squaredError: FilmComparison.squaredError(one, two))
    }

    package mutating func finish(into outputs: inout Outputs) throws {
        guard let path else { return print(text) }
        try Draft.write(JSONEncoder().encode(report), to: path)
    }

    private var text: String {
        guard let decibels = report.psnrDB, let worst = report.worstPSNRDB, let frame = report.worstFrame
        else { return "\(report.frames) frames compared, none differs" }
        return String(
            format: "%d frames compared: PSNR %.2f dB, worst frame %d with %.2f dB", report.frames,
            decibels, frame, worst)
    }

    package func save() throws -> SavedState? { SavedState(Array(try JSONEncoder().encode(report))) }
    package mutating func restore(_ state: [UInt8]) throws {
        report = try JSONDecoder().decode(Report.self, from: Data(state))
    }

    private struct ShapesDiffer: Error, CustomStringConvertible { let description: String }
}
