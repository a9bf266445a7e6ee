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

    /// A network's file in the wheel, its sum, and its name here.
    private static let files = [
        (
            path: "mediapipe/modules/face_detection/face_detection_short_range.tflite",
            sum: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
            target: FaceModel.detectorFile
        ),
        (
            path: "mediapipe/modules/face_landmark/face_landmark.tflite",
            sum: "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
            target: FaceModel.meshFile
        ),
    ]

    /// - Parameter wheel: the wheel, where it was fetched by other means; nil to have pip fetch it.
    package func callAsFunction(wheel: String? = nil) throws(PullError) {
        try FileLink.makeFolder(of: folder + "/x")
        let work = "\(folder)/.pull-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: work) }
        guard mkdir(work, 0o755) == 0 else { throw .lastSystemError("mkdir", work) }
        let fetched = if let wheel { wheel } else { try download(to: work) }
        try Self.check(fetched, Self.wheelSum)
        try unpack(fetched, to: work)
        for file in Self.files {
            try Self.check("\(work)/\(file.path)", file.sum)
            try convert("\(work)/\(file.path)", to: "\(folder)/\(file.target)")
        }
        guard rename("\(work)/\(Self.license)", "\(folder)/LICENSE") == 0 else {
            throw .lastSystemError("rename", "\(folder)/LICENSE")
        }
    }

    /// The files inside are the same for every platform, so one wheel serves all machines.
    private func download(to work: String) throws(PullError) -> String {
        try run([
            "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--only-binary=:all:", "--platform", "manylinux_2_28_x86_64", "--python-version",
            "3.11",
            "--dest", work, Self.package,
        ])
        let names = (try? FileManager.default.contentsOfDirectory(atPath: work)) ?? []
        guard let wheel = names.first(where: { $0.hasSuffix(".whl") }) else {
            throw .program(name: "pip", reason: "it fetched no wheel of \(Self.package)")
        }
        return "\(work)/\(wheel)"
    }

    private func unpack(_ wheel: String, to work: String) throws(PullError) {
        let members = Self.files.map(\.path) + [Self.license]
        let script =
            "import sys, zipfile; [zipfile.ZipFile(sys.argv[1]).extract(n, sys.argv[2]) "
            + "for n in sys.argv[3:]]"
        try run(["-c", script, wheel, work] + members)
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

    private func run(_ arguments: [String]) throws(PullError) {
        let process = Process(), complaints = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python] + arguments
        process.standardError = complaints
        process.standardOutput = FileHandle.nullDevice
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
