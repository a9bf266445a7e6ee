import Foundation
import Glibc
import Networks
import Tensors

/// Fetches the two networks that find a face, and keeps them as safetensors.
///
/// They are MediaPipe's (Apache-2.0), which its wheel on PyPI carries as TensorFlow Lite files. The wheel
/// comes through the user's own pip, so that its mirrors, proxies and certificates count, and it is
/// not installed. Every sum is pinned here.
package struct FacePull {
    private let folder: String
    private let python: String

    package init(folder: String, python: String = "python3") {
        (self.folder, self.python) = (folder, python)
    }

    private static let package = "mediapipe==0.10.21"
    private static let wheelSum = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
    private static let license = "mediapipe-0.10.21.dist-info/LICENSE"

    /// A network's file in the wheel, its sum, and its name and sum here.
    private static let files = [
        (
            path: "mediapipe/modules/face_detection/face_detection_short_range.tflite",
            sum: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
            target: FaceModel.detectorFile, kept: "b83b5b504df7a5914b6157cd8816a30884cfcd75ed14dc4966fe2a461ecc86a4"
        ),
        (
            path: "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
            sum: "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
            target: FaceModel.meshFile, kept: "9ed55a445915a3bc9b23499a8fc75200bc541378c1808e92edccd005286f9f03"
        ),
    ]

    /// - Parameter wheel: the wheel, where it was fetched by other means; nil to have pip fetch it.
    package func callAsFunction(wheel: String? = nil) throws(PullError) {
        try FileLink.makeFolder(of: folder + "/x")
        let work = "\(folder)/.pull-\(getpid())"
        guard mkdir(work, 0o755) == 0 else { throw .lastSystemError("mkdir", work) }
        defer { try? FileManager.default.removeItem(atPath: work) }
        let fetched = if let wheel { wheel } else { try download(to: work) }
        try Self.check(fetched, Self.wheelSum)
        try unpack(fetched, to: work)
        guard rename("\(work)/\(Self.license)", "\(folder)/LICENSE") == 0 else {
            throw .lastSystemError("rename", "\(folder)/LICENSE")
        }
        for file in Self.files {
            try Self.check("\(work)/\(file.path)", file.sum)
            try convert("\(work)/\(file.path)", to: "\(folder)/\(file.target)")
        }
    }

    /// Whether a folder has both networks, whole, and their licence.
    package static func isWhole(_ folder: String) -> Bool {
        access("\(folder)/LICENSE", R_OK) == 0
            && files.allSatisfy { Checksum.sha256(of: "\(folder)/\($0.target)") == $0.kept }
    }

    /// The files inside are the same for every platform, so one wheel serves all machines.
    private func download(to work: String) throws(PullError) -> String {
        try run([
            "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:", "--platform", "manylinux_2_28_x86_64", "--python-version",
            "3.11", "--dest", ".", Self.package,
        ], in: work)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: work)) ?? []
        guard let wheel = names.first(where: { $0.hasSuffix(".whl") }) else {
            throw .program(name: "pip", reason: "it fetched no wheel of \(Self.package)")
        }
        return "\(work)/\(wheel)"
    }

    private func unpack(_ wheel: String, to work: String) throws(PullError) {
        let members = Self.files.map(\.path) + [Self.license]
        let script = "import sys, zipfile\nfor name in sys.argv[2:]: "
            + "zipfile.ZipFile(sys.argv[1]).extract(name)"
        // Isolated, so that nothing beside the wheel is taken for a module.
        try run(["-I", "-c", script, URL(fileURLWithPath: wheel).path] + members, in: work)
    }

    private static func check(_ path: String, _ sum: String) throws(PullError) {
        guard let found = Checksum.sha256(of: path) else { throw .lastSystemError("open", path) }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard found == sum else { throw .wrongSum(file: name, expected: sum, found: found) }
    }

    private func convert(_ path: String, to target: String) throws(PullError) {
        do {
            let checkpoint = try Checkpoint(contentsOf: path)
            let entries = checkpoint.stored.sorted { $0.key < $1.key }
            let writer = try SafetensorsWriter(
                path: target, entries.map { .init(key: $0.key, shape: $0.value.shape) },
                as: .float16, metadata: ["source": Self.package, "license": "Apache-2.0"])
            for entry in entries {
                try writer.append(try checkpoint.tensor(entry.key, entry.value.shape))
            }
            try writer.finish()
        } catch {
            throw .system(call: "convert", path: path, reason: "\(error)")
        }
    }

    /// Python runs in the folder of the work: the current one may have files that it would import.
    private func run(_ arguments: [String], in folder: String) throws(PullError) {
        let process = Process(), complaints = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python] + arguments
        process.standardError = complaints
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        do { try process.run() } catch {
            throw .program(name: python, reason: (error as NSError).localizedDescription)
        }
        let text = complaints.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
            throw .program(name: python, reason: lines.last.map(String.init) ?? "it failed")
        }
    }
}
