import ArgumentParser
import Foundation
import Media

/// `personalive compare`: how much the pictures of two films or picture files differ.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares two films or pictures, frame by frame: PSNR in dB.",
        discussion: """
            Frames are compared as 8-bit RGB, the first with the first and so on. The overall PSNR \
            is that of the mean squared error of all frames.

            Exit codes: 0 compared, 1 the films have different numbers of frames (unless --frames \
            says how many count) or differ by more than --at-least allows, 2 a file cannot be read \
            or the sizes differ, 64 the command line is wrong.
            """)

    @Argument(help: "A film or picture.")
    var first: String

    @Argument(help: "The one to compare it with.")
    var second: String

    @Option(help: "Compare so many frames from the start, and let the rest be.")
    var frames: Int?

    @Option(help: "The PSNR in dB that the worst frame must reach.")
    var atLeast: Double?

    @Flag(help: "Print one JSON object, with the PSNR of every frame.")
    var json = false

    func validate() throws {
        if let frames, frames < 1 { throw ValidationError("--frames must be at least 1") }
    }

    func run() throws {
        let comparison: FilmComparison
        do {
            comparison = try FilmComparison(first, second, limit: frames)
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            throw ExitCode(2)
        }
        print(json ? try Self.json(comparison) : text(comparison))
        let worst = comparison.worst?.decibels ?? .infinity
        if comparison.longer != nil || worst < atLeast ?? -.infinity { throw ExitCode(1) }
    }

    private func text(_ comparison: FilmComparison) -> String {
        let count = comparison.squaredErrors.count
        var text = "\(count) frame\(count == 1 ? "" : "s") of "
            + "\(comparison.width)x\(comparison.height): "
        if let worst = comparison.worst, worst.decibels < .infinity {
            text += String(format: "PSNR %.2f dB", comparison.decibels)
            if count > 1 {
                text += String(format: ", worst frame %d with %.2f dB", worst.frame, worst.decibels)
            }
        } else {
            text += "identical"
        }
        return text + (comparison.longer.map { "\n\($0) has more frames than that" } ?? "")
    }

    private struct Report: Codable {
        var frames: Int
        var width: Int
        var height: Int
        var identical: Bool
        /// Null where nothing differs.
        var psnr_db: Double?
        var worst_psnr_db: Double?
        var worst_frame: Int?
        var longer: String?
        var frames_psnr_db: [Double?]
    }

    private static func json(_ comparison: FilmComparison) throws -> String {
        func finite(_ number: Double?) -> Double? { number.flatMap { $0.isFinite ? $0 : nil } }
        let worst = comparison.worst
        let isIdentical = worst?.decibels == .infinity
        let report = Report(
            frames: comparison.squaredErrors.count, width: comparison.width,
            height: comparison.height, identical: isIdentical,
            psnr_db: finite(comparison.decibels), worst_psnr_db: finite(worst?.decibels),
            worst_frame: isIdentical ? nil : worst?.frame, longer: comparison.longer,
            frames_psnr_db: comparison.squaredErrors.map {
                finite(FilmComparison.decibels(ofSquaredError: $0))
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }
}
