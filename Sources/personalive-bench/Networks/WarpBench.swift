import ArgumentParser
import Evaluation
import Foundation
import Layers
import Media
import Networks
import Tensors

/// How well a warped photo follows its driver, and how long drawing a frame takes.
struct WarpBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "warp",
        abstract: "A photo bent after a film: how well it follows, whether it folds, how long drawing takes.",
        discussion: """
            The network that reads the driver reads every result again. What is printed are the correlations \
            of both readings, over all frames and over those after the driver's neutral face is found; the \
            least share of its area that a cell of the picture keeps (below 0 it has turned over); how near \
            the result is to the photo when the driver's face is his neutral; and how long drawing a frame \
            takes, on one core, without finding the driver's face.
            """)

    @Option(help: "The portrait that is bent; its face is cut out as photo.yaml does.")
    var portrait = "Models/demo/portrait.png"
    @Option(help: "A film with a face.") var film = "Models/demo/driving.mp4"
    @Option(help: "The folder of the face networks.") var networks = FaceModel.folder
    @Option(help: "Over how many frames the driver's neutral face is found.") var neutralFrames = 75
    @Option(help: "Every n-th frame is drawn and read; the driver is followed in all of them.") var every = 1
    @Option(help: ArgumentHelp("Where to write pictures of driver and result.", valueName: "folder"))
    var pictures: String?
    @Option(help: "Of every n-th frame these are written.") var picturesEvery = 25
    @Option(help: ArgumentHelp("Where to write what was read, as CSV.", valueName: "file"))
    var readings: String?
    @Flag(help: "Print one JSON object.") var json = false

    private struct Report: Encodable {
        /// Of what is read of the driver and of the result, by name.
        var correlations, correlationsAfterNeutral: [String: Double]
        var leastArea, neutralDecibels: Double
        /// Median and 95th percentile, milliseconds.
        var frame, frame95: Double
        var frames = 0, held = 0, unread = 0
    }

    /// What is compared, by the name that the CSV's columns have.
    private static let parts = FaceCurve.all

    func validate() throws {
        guard every > 0, neutralFrames > 0, picturesEvery > 0 else {
            throw ValidationError("--every, --pictures-every and --neutral-frames are at least 1")
        }
    }

    func run() throws {
        var measurement = Measurement("warp", json: json)
        Compute.cores = 1
        let finder = FaceFinder(try FaceModel(folder: networks))
        let (picture, mesh) = try cut(finder)
        guard var warp = PhotoWarp(picture, mesh: mesh) else {
            throw ValidationError("no face was found in \(portrait)")
        }
        var pairs: [(frame: Int, driver: FaceReading, result: FaceReading)] = []
        var times: [Double] = [], frames = 0, held = 0, unread = 0, least = Float.infinity
        var decibels: Double?
        let reader = try VideoReader(path: film)
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        let result = Tensor<UInt8>(uninitialized: picture.shape)
        var (follower, judge) = (FaceFollower(finder, choice: 1), FaceFollower(finder, choice: 1))
        var driver = DriverFace(neutralFrames: neutralFrames)
        while let item = try reader.next() {
            guard case .frame = item else { continue }
            try reader.copyFrame(into: frame)
            defer { frames += 1 }
            guard let points = follower.look(at: frame)?.points, driver.look(at: points) != .held else {
                held += 1
                continue
            }
            if decibels == nil { decibels = Self.neutral(points, &warp, picture, into: result) }
            guard frames % every == 0 else { continue }
            let start = DispatchTime.now().uptimeNanoseconds
            warp.draw(driver, into: result)
            times.append(Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6)
            least = min(least, warp.leastArea)
            if let own = FaceReading(points), let read = judge.look(at: result)?.reading {
                pairs.append((frames, own, read))
            } else {
                unread += 1
            }
            try show(frame, result, frames)
        }
        guard pairs.count > 2 else { throw ValidationError("no face was found in \(film)") }
        try write(pairs)
        times.sort()
        let report = Report(
            correlations: Self.correlations(pairs),
            correlationsAfterNeutral: Self.correlations(pairs.filter { $0.frame >= neutralFrames }),
            leastArea: Double(least), neutralDecibels: decibels ?? 0, frame: times[times.count / 2],
            frame95: times[times.count * 95 / 100], frames: frames, held: held, unread: unread)
        show(report, measurement)
        try measurement.finish(report)
    }

    private func show(_ report: Report, _ measurement: Measurement) {
        measurement.show("correlation, driver and result: all frames, and after the neutral was found")
        for name in Self.parts.map(\.name) {
            measurement.show(
                name.padding(toLength: 10, withPad: " ", startingAt: 0)
                    + String(
                        format: "%7.3f %7.3f", report.correlations[name] ?? .nan,
                        report.correlationsAfterNeutral[name] ?? .nan))
        }
        measurement.show(
            "\(report.frames) frames, \(report.held) held, of \(report.unread) results no face was read")
        measurement.show(String(format: "least area of a cell: %.3f", report.leastArea))
        measurement.show(String(format: "the photo at the neutral: %.1f dB", report.neutralDecibels))
        measurement.show(
            String(format: "a frame: %.1f ms, p95 %.1f ms, one core", report.frame, report.frame95))
    }

    // MARK: Pictures

    /// The portrait's face with its surroundings at 512 × 512, and its mesh there.
    private func cut(_ finder: FaceFinder) throws -> (Tensor<UInt8>, [SIMD3<Float>]) {
        let whole = try ImageReader.read(portrait), size = 512
        guard let face = finder.faces(in: whole).first else {
            throw ValidationError("no face was found in \(portrait)")
        }
        let place = ModelConfiguration.full.framing.portrait.region(of: face.measure)
        let map = PictureMap(
            square: size, to: place.center, side: place.side, radians: place.radians)
        let picture = Tensor<UInt8>(uninitialized: [1, size, size, 3])
        whole.sample(map, into: picture)
        let back = map.inverse
        return (picture, face.points.map { back($0) })
    }

    /// How near a frame is to the photo when the driver's face is his neutral, decibels; 99 where it is the
    /// photo.
    private static func neutral(
        _ points: [SIMD3<Float>], _ warp: inout PhotoWarp, _ picture: Tensor<UInt8>,
        into result: Tensor<UInt8>
    ) -> Double {
        var driver = DriverFace(neutralFrames: 1)
        driver.look(at: points)
        warp.draw(driver, into: result)
        let squares = zip(picture.array, result.array).reduce(0.0) { sum, pair in
            let difference = Double(pair.0) - Double(pair.1)
            return sum + difference * difference
        }
        return min(10 * log10(255 * 255 * Double(picture.count) / max(squares, 1e-9)), 99)
    }

    private func show(_ frame: Tensor<UInt8>, _ result: Tensor<UInt8>, _ number: Int) throws {
        guard let pictures, number % picturesEvery == 0 else { return }
        try FileManager.default.createDirectory(
            atPath: pictures, withIntermediateDirectories: true)
        let name = String(format: "%@/%05d", pictures, number)
        try ImageWriter.write(frame, to: name + "-driver.png")
        try ImageWriter.write(result, to: name + "-result.png")
    }

    // MARK: Figures

    private static func correlations(
        _ pairs: [(frame: Int, driver: FaceReading, result: FaceReading)]
    ) -> [String: Double] {
        Dictionary(
            uniqueKeysWithValues: parts.map { part in
                let values = pairs.map { (Double(part.value($0.driver)), Double(part.value($0.result))) }
                return (part.name, FaceCurve.correlation(values))
            })
    }

    private func write(
        _ pairs: [(frame: Int, driver: FaceReading, result: FaceReading)]
    ) throws {
        guard let readings else { return }
        let names = ["driver", "result"].flatMap { end in Self.parts.map { "\(end)_\($0.name)" } }
        let lines = pairs.map { pair in
            let numbers = [pair.driver, pair.result].flatMap { reading in
                Self.parts.map { String(format: "%.5f", Double($0.value(reading))) }
            }
            return (["\(pair.frame)"] + numbers).joined(separator: ",")
        }
        let text = ([(["frame"] + names).joined(separator: ",")] + lines).joined(separator: "\n") + "\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: readings))
    }
}
