import Dataflow
import Foundation
import Glibc
import Testing

/// Outputs that would destroy what is there, found before anything is started.
@Suite final class OutputTests {
    private let folder = NSTemporaryDirectory() + "outputs-\(UUID().uuidString)"

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        for name in ["film.mp4", "weights.mp4"] { make(name) }
        mkdir(file("real"), 0o755)
        make("real/inside.mp4")
        symlink("real", file("linked"))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func file(_ name: String) -> String { "\(folder)/\(name)" }
    private func make(_ name: String) {
        _ = FileManager.default.createFile(atPath: file(name), contents: Data("x".utf8))
    }

    /// A graph that reads one file and writes others.
    private func text(_ input: String, _ outputs: String..., weights: String = "synthetic") -> String {
        let encoders = outputs.enumerated().map { index, output in
            "  out\(index): { use: video-encoder, in: { frame: camera.frame }, with: { path: \(output) } }"
        }
        return """
            nodes:
              camera: { use: video-file, with: { path: \(input) } }
              portrait: { use: image-file, with: { path: /dev/null } }
              keypoints:
                use: keypoint-extractor
                in: { frame: camera.frame, portrait: portrait.image }
                with: { weights: \(weights) }
            \(encoders.joined(separator: "\n"))
            """
    }

    /// Faults; that nothing takes the key points is only a warning.
    private func faults(_ check: GraphFile.Check) -> [Diagnostic] {
        check.diagnostics.filter { $0.severity == .error }
    }
    private func codes(_ text: String) -> [String] { faults(TestKinds.check(text)).map(\.code) }

    @Test(arguments: ["film.mp4", "./film.mp4", "real/../film.mp4", "link.mp4", "hard.mp4", "other/film.mp4"])
    func `an output that is the input is found by file, however it is spelled`(_ name: String) {
        symlink("film.mp4", file("link.mp4"))
        link(file("film.mp4"), file("hard.mp4"))
        symlink(".", file("other"))

        #expect(codes(text(file("film.mp4"), file(name))) == ["output-overwrites-input"])
    }

    @Test func `a file in a folder of weights is not written over, and a new one beside them is`() {
        symlink("../film.mp4", file("real/shared.mp4"))

        let inside = text("/dev/null", file("linked/inside.mp4"), weights: file("real"))
        let shared = text("/dev/null", file("film.mp4"), weights: file("real"))
        let beside = text("/dev/null", file("real/new.mp4"), weights: file("real"))

        #expect(codes(inside) == ["output-overwrites-input"])
        #expect(codes(shared) == ["output-overwrites-input"])
        #expect(codes(beside) == [])
    }

    @Test(arguments: [
        ("a.mp4", "a.mp4"), ("real/a.mp4", "linked/a.mp4"), ("film.mp4", "link.mp4"),
        ("dangling.mp4", "real/b.mp4"), ("pictures/", "pictures/"),
    ])
    func `two outputs that are one file are found`(_ one: String, _ two: String) {
        symlink("film.mp4", file("link.mp4"))
        symlink("real/b.mp4", file("dangling.mp4"))

        #expect(codes(text("/dev/null", file(one), file(two))) == ["same-output"])
    }

    @Test func `outputs that differ in their endings only are two files`() {
        #expect(codes(text("/dev/null", file("a.mp4"), file("a.mkv"), file("a/"))) == [])
    }

    @Test func `a film is not written into another node's folder of pictures`() {
        mkdir(file("pictures"), 0o755)

        #expect(codes(text("/dev/null", file("pictures/"), file("pictures/a.mp4"))) == ["same-output"])
    }

    @Test func `the graph file itself is not written over`() throws {
        let graph = file("graph.mp4")
        try text("/dev/null", file("real/../graph.mp4")).write(
            toFile: graph, atomically: true, encoding: .utf8)

        let check = GraphFile.check(path: graph, registry: TestKinds.registry)

        #expect(faults(check).map(\.code) == ["output-overwrites-graph"])
    }

    @Test(arguments: ["a", "a.avi", "a.mp4.txt", "mp4"])
    func `an ending that says nothing is refused with those that can be had`(_ name: String) throws {
        let check = TestKinds.check(text("/dev/null", file(name)))

        let fault = try #require(faults(check).first)
        #expect(fault.code == "unknown-ending")
        #expect(fault.message.hasSuffix("ends in none of .mp4, .mkv or '/' (a folder)"))
    }

    @Test func `the ending of an output on another machine is looked at too`() {
        let graph = text("/dev/null", "/far/a.avi")
            .replacing("nodes:", with: "machines: { gpu: { ssh: ada@gpu-1 } }\nnodes:")
            .replacing("use: video-encoder,", with: "use: video-encoder, machine: gpu,")

        #expect(codes(graph) == ["unknown-ending"])
    }

    @Test(arguments: ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
    func `standard output is refused with a way out`(_ path: String) throws {
        let fault = try #require(faults(TestKinds.check(text("/dev/null", "\"\(path)\""))).first)

        #expect(fault.code == "output-not-writable")
        #expect((fault.message + (fault.hint ?? "")).contains("mkfifo"))
    }

    @Test func `an address is no file to write`() {
        #expect(codes(text("/dev/null", "rtmp://host/live.mp4")) == ["missing-folder"])
    }

    @Test func `a pipe may be called anything, and only one node may write to it`() {
        mkfifo(file("pipe"), 0o644)

        #expect(codes(text("/dev/null", file("pipe"))) == [])
        #expect(codes(text("/dev/null", file("pipe"), file("pipe"))) == ["same-output"])
    }

    @Test func `a folder of pictures has to be new or empty`() {
        mkdir(file("empty"), 0o755)

        #expect(codes(text("/dev/null", file("empty/"))) == [])
        #expect(codes(text("/dev/null", file("real/"))) == ["output-not-writable"])
        #expect(codes(text("/dev/null", file("film.mp4/"))) == ["output-not-writable"])
    }

    @Test func `an old film in a folder where nothing may be written is found`() {
        let disk = file("disk")
        mkdir(disk, 0o755)
        // Root may write anywhere but here; where it may not mount, permissions are enough.
        guard mount("tmpfs", disk, "tmpfs", 0, "size=64k") == 0 else { return }
        defer { umount(disk) }
        make("disk/old.mp4")
        symlink("disk/old.mp4", file("link.mp4"))
        guard mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 else { return }

        #expect(codes(text("/dev/null", file("disk/old.mp4"))) == ["folder-not-writable"])
        #expect(codes(text("/dev/null", file("link.mp4"))) == ["folder-not-writable"])
    }
}
