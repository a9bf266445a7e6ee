import ArgumentParser
import Evaluation
import Foundation
import Layers
import Media
import Networks

/// `personalive evaluate`: how well a result follows its driver, and how much it is the portrait's person.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract:
            "Measures how good a result is: pose, expression, identity, pixels; with intervals and controls.",
        discussion: """
            The face mesh reads driver, result and portrait. The result's delay is found first and taken out. \
            Every figure has an interval of 95 % (a bootstrap over blocks of a second) and beside it what it is \
            for films that animate nothing: the portrait as every frame, and the result's frames shuffled; and \
            for the driver itself in the result's place. docs/evaluation.md says what each figure means and \
            what it cannot say.

            With --truth, L1, PSNR, SSIM, key point distance and change over time are measured too. In \
            self-reenactment, where the portrait is a frame of the driver, the truth is the driver: --truth \
            DRIVER. Identity by dlib's network needs 'pip install dlib-bin numpy face-recognition-models'. \
            Nothing is fetched.

            Exit codes: 0 evaluated, 1 the films cannot be compared, 2 a file cannot be read or written, 64 the \
            command line is wrong.
            """)

    @Argument(help: "The film that is evaluated.", completion: .file())
    var result: String

    @Option(help: "The film that drove it.", completion: .file())
    var driver: String

    @Option(help: "The portrait that was animated.", completion: .file())
    var portrait: String

    @Option(
        help: "What the result should look like, frame by frame and in its size.",
        completion: .file())
    var truth: String?

    @Option(
        help: ArgumentHelp(
            "Write a page with pictures and plots, which needs no other file. One that is there is not replaced.",
            valueName: "file.html"))
    var report: String?

    @Option(help: "Look at so many frames of each film, from the start.")
    var frames: Int?

    @Option(help: "The folder of the face networks.")
    var networks = FaceModel.folder

    @Option(help: "The Python that is asked for dlib.")
    var python = "python3"

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let frames, frames < 1 { throw ValidationError("--frames must be at least 1") }
        // Before minutes of work.
        if let report, FileManager.default.fileExists(atPath: report) {
            throw ValidationError(
                "'\(report)' is there already: remove it, or take another --report")
        }
        if let report {
            let folder = URL(fileURLWithPath: report).deletingLastPathComponent().path
            guard FileManager.default.isWritableFile(atPath: folder) else {
                throw ValidationError("--report: '\(folder)' is no folder that can be written")
            }
        }
    }

    func run() throws {
        let line = ProgressLine(), start = Date()
        var options = Evaluation.Options()
        (options.networks, options.python, options.frames) = (networks, python, frames)
        let files = Evaluation.Files(
            result: result, driver: driver, portrait: portrait, truth: truth)
        do {
            let evaluation = try Evaluation(files, options) { frames, share in
                line.show(Self.progress(frames, share, seconds: Date().timeIntervalSince(start)))
            }
            line.clear()
            print(json ? try EvaluationReport(evaluation).json() : evaluation.text)
            guard let report else { return }
            try Data(EvaluationPage(evaluation).html().utf8).write(
                to: URL(fileURLWithPath: report), options: .withoutOverwriting)
            if !json { print("\nreport: \(report)") }
        } catch let error as EvaluationError {
            try Self.fail("\(error)", 1, line)
        } catch let error as CocoaError where report != nil {
            try Self.fail(
                "\(report ?? "the report") cannot be written: \(error.localizedDescription)", 2,
                line)
        } catch {
            try Self.fail("\(error)", 2, line)
        }
    }

    private static func progress(_ frames: Int, _ share: Double?, seconds: Double) -> String {
        guard let share else { return "evaluating: \(frames) frames" }
        let text = "evaluating: \(Int(share * 100)) %"
        guard share > 0.02, seconds > 1 else { return text }
        return text + ", \(ProgressLine.duration(seconds * (1 - share) / share)) left"
    }

    private static func fail(_ text: String, _ code: Int32, _ line: ProgressLine) throws -> Never {
        line.say("error: \(text)")
        throw ExitCode(code)
    }
}
