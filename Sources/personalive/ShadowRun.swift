import ArgumentParser
import BuiltinNodes
import Dataflow
import Foundation
import Glibc
import Launch
import Wire

/// A node that is tried out beside a running graph: `personalive swap --shadow`.
struct ShadowRun {
    private let replacement: NodeReplacement
    private let client: RunClient
    private let seconds: Double

    /// - Parameter run: name or folder; nil for the only one.
    init(_ replacement: NodeReplacement, of run: String?, seconds: Double) throws {
        (self.replacement, self.seconds) = (replacement, seconds)
        do { client = try RunClient(run) } catch { throw Self.failure("\(error)") }
    }

    /// Runs it for so long and prints what was found.
    ///
    /// - Parameter saysFolder: whether a line before that names the trial's folder, where the studio
    ///   looks on.
    func compare(saysFolder: Bool = false) throws {
        let candidate = try candidate()
        let before = try client.status()
        let folder = try RunFolder(for: .trial)
        defer { folder.remove() }
        if saysFolder {
            print("folder: \(folder.path)")
            fflush(nil)
        }
        let found = "\(folder.path)/compare.json"
        let supervisor: Supervisor
        do {
            let plan = try RunPlan.shadow(candidate, folder: folder.path, report: found)
            supervisor = try Supervisor(
                plan, executable: Personalive.executable, display: RunDisplay(quiet: true))
        } catch { throw Self.failure("\(error)") }
        if case .failed(let failure) = supervisor.run(for: .seconds(seconds)) {
            throw Self.failure("\(failure)\n  the run goes on with '\(candidate.current)'")
        }
        guard let data = FileManager.default.contents(atPath: found),
            let report = try? JSONDecoder().decode(CompareNode.Report.self, from: data),
            report.frames > 0
        else {
            throw Self.failure(
                "no frame came out of both '\(candidate.kind)' and '\(candidate.current)' within "
                    + "\(seconds.formatted()) s: give --seconds more")
        }
        let new = supervisor.snapshot.nodes.first { $0.name == replacement.node }?.report
        print(text(report, candidate))
        let old = (try? client.status()).flatMap(figures)
        let (ours, theirs) = (Self.tick(new), Self.tick(old, since: figures(before)))
        print("  \(candidate.kind) \(ours) a frame, \(candidate.current) \(theirs)")
        print("  nothing was replaced")
    }

    private func candidate() throws -> Candidate {
        switch try client.ask(.candidate(replacement)) {
        case .candidate(let candidate): return candidate
        case .refused(let reason): throw Self.failure(reason)
        case .status, .place, .graph, .note, .done: throw Self.failure("the run answers something else")
        }
    }

    private func figures(_ status: RunStatus) -> NodeReport? {
        status.nodes.first { $0.name == replacement.node }?.report
    }

    private func text(_ report: CompareNode.Report, _ candidate: Candidate) -> String {
        let frames = "\(report.frames) frames of '\(candidate.kind)' and '\(candidate.current)': "
        guard let decibels = report.psnrDB, let worst = report.worstPSNRDB,
            let frame = report.worstFrame
        else { return frames + "no pixel differs" }
        return frames
            + String(format: "PSNR %.2f dB, worst frame %d with %.2f dB", decibels, frame, worst)
    }

    /// How long a node's tick took on the average, since an earlier report of it.
    private static func tick(_ now: NodeReport?, since then: NodeReport? = nil) -> String {
        guard let now, now.ticks > then?.ticks ?? 0 else { return "?" }
        let seconds = (now.busy - (then?.busy ?? 0)) / Double(now.ticks - (then?.ticks ?? 0))
        return String(format: "%.1f ms", seconds * 1000)
    }

    private static func failure(_ text: String) -> ExitCode {
        FileHandle.standardError.write(Data("error: \(text)\n".utf8))
        return ExitCode(1)
    }
}
