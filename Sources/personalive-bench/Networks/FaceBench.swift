import ArgumentParser
import Foundation
import Layers
import Media
import Networks
import Tensors

/// How long it takes to find and follow a face, on one core.
struct FaceBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "face",
        abstract:
            "Finding a face: the two networks alone, and a film's frames from pixels to points; a warp.",
        discussion: """
            On one core, so that processor time is all there is. 'follow' is what node face-crop does \
            with a frame apart from cutting it out, 'search' what it does with a plain grey one; \
            what looks like a face here and there takes the mesh 1 ms each, four times at most. 'warp' is what node face-warp does with a \
            frame: a portrait of 512 × 512 bent after the film's mesh.
            """)

    @Option(help: "A film with a face.") var film = "Models/demo/driving.mp4"
    @Option(help: "The portrait that is bent.") var portrait = "Models/demo/portrait.png"
    @Option(help: "The folder of the two networks.") var networks = FaceModel.folder
    @Option(help: "How often each is measured, after a first run that is not.") var `repeat` = 200
    @Flag(help: "Print one JSON object.") var json = false

    private struct Report: Codable {
        /// Medians, milliseconds.
        var detector, mesh, follow, search, warp: Double
        var frames: Int, found: Int
    }

    func run() throws {
        var measurement = Measurement("face", json: json)
        Compute.cores = 1
        let model = try FaceModel(folder: networks)
        let far = Tensor<Float>(repeating: 0.1, shape: [1, 128, 128, 3])
        let near = Tensor<Float>(repeating: 0.1, shape: [1, 192, 192, 3])
        var report = Report(
            detector: median { _ = model.detector.raw(far) },
            mesh: median { _ = model.mesh.raw(near) }, follow: 0, search: 0, warp: 0, frames: 0, found: 0)
        try follow(model, &report)
        measurement.show("1 core, medians")
        for (name, value) in [
            ("detector", report.detector), ("mesh", report.mesh),
            ("follow, a frame", report.follow), ("search, a frame", report.search),
            ("warp, a frame", report.warp),
        ] {
            measurement.show(
                name.padding(toLength: 18, withPad: " ", startingAt: 0)
                    + String(format: "%6.2f ms", value))
        }
        measurement.show("a face in \(report.found) of \(report.frames) frames")
        try measurement.finish(report)
    }

    private func follow(_ model: FaceModel, _ report: inout Report) throws {
        let reader = try VideoReader(path: film)
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        var follower = FaceFollower(FaceFinder(model), choice: 1)
        var times: [Double] = [], meshes: [[SIMD3<Float>]] = []
        while let item = try reader.next() {
            guard case .frame = item else { continue }
            try reader.copyFrame(into: frame)
            let start = Self.now
            let face = follower.look(at: frame)
            times.append(Self.now - start)
            if let face {
                report.found += 1
                meshes.append(face.points)
            }
            report.frames += 1
        }
        times.sort()
        report.follow = times[times.count / 2]
        let empty = Tensor<UInt8>(repeating: 90, shape: reader.shape)
        var searcher = FaceFollower(FaceFinder(model), choice: 1)
        _ = searcher.look(at: empty)
        report.search = median { _ = searcher.look(at: empty) }
        report.warp = try warp(model, meshes)
    }

    /// The median over a film's meshes.
    private func warp(_ model: FaceModel, _ meshes: [[SIMD3<Float>]]) throws -> Double {
        let picture = try ImageReader.read(portrait).resampled(height: 512, width: 512, .bicubic)
        let finder = FaceFinder(model)
        guard let face = finder.faces(in: picture, atLeast: 1).first, !meshes.isEmpty,
            var warp = PhotoWarp(picture, mesh: face.points)
        else { throw ValidationError("no face was found in \(portrait) or in \(film)") }
        let frame = Tensor<UInt8>(uninitialized: picture.shape)
        var driver = DriverFace(neutralFrames: 75)
        let times = meshes.map { mesh in
            let start = Self.now
            driver.look(at: mesh)
            warp.draw(driver, into: frame)
            return Self.now - start
        }.sorted()
        return times[times.count / 2]
    }

    private func median(_ body: () -> Void) -> Double {
        body()
        let times = (0..<max(self.repeat, 1)).map { _ in
            let start = Self.now
            body()
            return Self.now - start
        }.sorted()
        return times[times.count / 2]
    }

    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e6 }
}
