import Foundation
import Layers
import Media
import Networks
import Tensors

/// How good a result is: what `personalive evaluate` prints.
package struct Evaluation {
    /// What is evaluated.
    package struct Files: Sendable, Encodable {
        package var result: String
        package var driver: String
        package var portrait: String
        /// What the result should look like; nil where nobody knows.
        package var truth: String?

        package init(result: String, driver: String, portrait: String, truth: String?) {
            (self.result, self.driver, self.portrait, self.truth) = (
                result, driver, portrait, truth
            )
        }

        /// As people may see them: addresses without their passwords.
        var shown: Files {
            func masked(_ path: String) -> String { MediaAddress(path)?.shown ?? path }
            return Files(
                result: masked(result), driver: masked(driver), portrait: masked(portrait),
                truth: truth.map { masked($0) })
        }
    }

    /// Where networks are, and how much is looked at.
    package struct Options: Sendable {
        /// The face networks.
        package var networks = FaceModel.folder
        /// The Python that may have dlib.
        package var python = "python3"
        /// So many frames of each film from the start; nil for all.
        package var frames: Int?

        package init() {}
    }

    /// A frame of each film that belong together, for people to look at.
    package struct Still {
        /// Seconds of the result.
        package var time: Double
        package var driver, result: Tensor<UInt8>
        package var truth: Tensor<UInt8>?
    }

    /// Without passwords.
    package let files: Files
    package let result: FaceTrack
    package let driver: FaceTrack
    package let delay: FollowingDelay
    /// Frames of result and driver that belong together.
    package let pairs: [FramePairing.Pair]
    package let figures: [Figure]
    /// What a reader of the figures should know.
    package let notes: [String]
    /// What was not measured, and why.
    package let missing: [String]
    package let portrait: Tensor<UInt8>
    package let stills: [Still]

    /// How many stills there are.
    private static let stillCount = 5

    /// Reads all files and works out every figure that can be had.
    ///
    /// - Parameter progress: called after every frame, with how many were looked at, and the share of the work
    ///   that is done, 0...1; nil while a film does not tell how long it is.
    /// - Throws: ``MediaError``, ``EvaluationError``, or `CheckpointError` of the face networks.
    package init(
        _ files: Files, _ options: Options = Options(),
        progress: @escaping (Int, Double?) -> Void = { _, _ in }
    ) throws {
        if let lack = FaceModel.lack(of: options.networks) {
            throw EvaluationError.noNetworks(lack)
        }
        let finder = FaceFinder(try FaceModel(folder: options.networks))
        var notes: [String] = []
        // First, since it is quick to say that it is no picture.
        let portrait = try ImageReader.read(files.portrait) { notes.append($0) }
        let face = finder.faces(in: portrait).first.flatMap { SeenFace($0.points) }
        if face == nil {
            notes.append(
                "No face was found in \(files.shown.portrait): there is no identity, and no copied portrait "
                    + "to compare with.")
        }
        let otherTruth = files.truth.flatMap { Self.isSame($0, files.driver) ? nil : $0 }
        let paths = [files.result, files.driver] + [otherTruth].compactMap { $0 }
        let readers = try paths.map { try VideoReader(path: $0, frameLimit: options.frames) }
        let sizes = readers.map { SIMD2($0.width, $0.height) }
        // The truth is the last film, whether it is the driver or another one.
        if files.truth != nil, sizes[0] != sizes[sizes.count - 1] {
            throw EvaluationError.sizes(
                result: readers[0].path, sizes[0], truth: readers[sizes.count - 1].path,
                sizes[sizes.count - 1])
        }
        let lengths = readers.map(\.estimatedFrames)
        // With a truth the result is looked through once more.
        let counter = FrameCounter(lengths + (files.truth == nil ? [] : [lengths[0]]), progress)
        func track(_ path: String) throws -> FaceTrack {
            let film = try FaceTrack(of: path, finder, limit: options.frames, tick: counter.tick)
            if files.truth == nil, film.missing == film.faces.count {
                throw EvaluationError.noFace(path: film.name, frames: film.faces.count)
            }
            return film
        }
        let result = try track(files.result), driver = try track(files.driver)
        let truth = try otherTruth.map { try track($0) } ?? (files.truth == nil ? nil : driver)
        let delay = FollowingDelay(result, after: driver)
        let pairs = try Self.pairs(result, with: driver, delay)
        // A second at the result's rate.
        let block = max(Int((1_000_000_000 / result.interval)), 1)
        let laid = face.flatMap { Self.laid($0, portrait, like: result) }
        let matched = try truth.map { try Self.pairs(result, with: $0, delay) } ?? []
        var figures: [Figure] = [], missing: [String] = []
        if let truth {
            counter.expect(matched.count)
            figures += try PictureFigures(
                matched, of: result.path, with: truth.path, portrait: laid?.picture,
                tick: counter.tick
            ).all(block: block)
            if let figure = KeyPointFigure.figure(
                matched, of: result, with: truth, portrait: laid?.points, block: block)
            {
                figures.append(figure)
            }
        } else {
            missing.append(
                "L1, PSNR, SSIM, key point distance and change over time: they need the truth (--truth), "
                    + "which in self-reenactment is the driver.")
        }
        let read = FaceFigures(pairs, of: result, with: driver, portrait: face, block: block).all
        figures += read
        if read.isEmpty {
            missing.append(
                "All figures of the face: too few frames of result and driver have one.")
        } else if !read.contains(where: { $0.name == "jitter" }) {
            missing.append(
                "Trembling: too few frames follow each other at the same distance in both films.")
        }
        if let face {
            do {
                let figure = try FaceDescriptors.figure(
                    result, driver: driver, portrait: (portrait, face), python: options.python)
                figures += figure.map { [$0] } ?? []
                if figure == nil {
                    missing.append(
                        "Identity by dlib's descriptor: too few frames of the result have a face.")
                }
            } catch let error as FaceDescriptors.Missing {
                missing.append("Identity by dlib's descriptor: \(error.reason).")
            }
        }
        missing.append(
            "LPIPS and FVD: no package that pip installs carries the weights of their networks, and this "
                + "command fetches nothing.")
        (self.files, self.result, self.driver) = (files.shown, result, driver)
        (self.delay, self.pairs, self.portrait) = (delay, pairs, portrait)
        self.figures = figures
        self.notes = notes + Self.notes(result, driver, truth, delay, pairs)
        self.missing = missing
        stills = try Self.stills(pairs, matched, result, driver, truth)
    }

    private static func isSame(_ one: String, _ other: String) -> Bool {
        guard let a = try? FilePlace(one), let b = try? FilePlace(other) else {
            return one == other
        }
        return a == b
    }

    private static func pairs(
        _ result: FaceTrack, with other: FaceTrack, _ delay: FollowingDelay
    ) throws(EvaluationError) -> [FramePairing.Pair] {
        let pairs = FramePairing(result, with: other, delay: delay.nanoseconds).pairs
        guard pairs.count >= FollowingDelay.leastPairs else {
            throw .tooFewFrames(
                result: result.name, result.times.count, other: other.name, other.times.count,
                paired: pairs.count)
        }
        return pairs
    }

    /// The portrait as a frame of the result, its face where the result's first one is; and its points there.
    private static func laid(
        _ face: SeenFace, _ portrait: Tensor<UInt8>, like result: FaceTrack
    ) -> (picture: Tensor<UInt8>, points: [SIMD2<Float>])? {
        guard let first = result.faces.lazy.compactMap({ $0 }).first else { return nil }
        let points = HeadPose.stable.map(\.index)
        guard
            let map = PictureMap(
                from: points.map { first.place($0) }, to: points.map { face.place($0) })
        else { return nil }
        let picture = Tensor<UInt8>(uninitialized: [1, result.height, result.width, 3])
        portrait.sample(map, into: picture)
        let back = map.inverse
        return (picture, face.points.indices.map { back(face.place($0)) })
    }

    private static func notes(
        _ result: FaceTrack, _ driver: FaceTrack, _ truth: FaceTrack?, _ delay: FollowingDelay,
        _ pairs: [FramePairing.Pair]
    ) -> [String] {
        var notes: [String] = []
        if delay.best == nil {
            let most = delay.scores.map(\.correlation).max() ?? 0
            notes.append(
                "The result does not follow the driver well enough for a delay to be found (best correlation "
                    + String(format: "%.2f", most) + "): none is taken out.")
        }
        for film in [result, driver] + (truth.map { $0.path == driver.path ? [] : [$0] } ?? [])
        where film.missing > 0 {
            notes.append(
                "No face in \(film.missing) of \(film.faces.count) frames of \(film.name): they are left out "
                    + "of all figures of the face.")
        }
        if pairs.count < result.times.count {
            notes.append(
                "\(result.times.count - pairs.count) of \(result.times.count) frames of the result have none of "
                    + "the driver's \(driver.times.count) that belongs to them: they are left out.")
        }
        return notes
    }

    private static func stills(
        _ pairs: [FramePairing.Pair], _ matches: [FramePairing.Pair], _ result: FaceTrack,
        _ driver: FaceTrack, _ truth: FaceTrack?
    ) throws -> [Still] {
        let own = try FrameWalk(result.path), given = try FrameWalk(driver.path)
        let known = try truth.map { try FrameWalk($0.path) }
        let count = min(stillCount, pairs.count)
        return try (0..<count).map { step in
            let pair = pairs[pairs.count * (2 * step + 1) / (2 * count)]
            let match = matches.first { $0.result == pair.result }
            return Still(
                time: Double(result.times[pair.result]) / 1e9, driver: try given.frame(pair.other),
                result: try own.frame(pair.result),
                truth: try match.flatMap { try known?.frame($0.other) })
        }
    }
}

/// Counts frames, for the share of the work that is done.
private final class FrameCounter {
    private let show: (Int, Double?) -> Void
    private var done = 0, total: Int?

    /// - Parameter passes: how many frames each pass looks at; nil where that is unknown.
    init(_ passes: [Int?], _ show: @escaping (Int, Double?) -> Void) {
        self.show = show
        let known = passes.compactMap { $0 }
        total = known.count == passes.count ? known.reduce(0, +) : nil
    }

    /// What is to come is known now.
    func expect(_ frames: Int) { total = done + frames }

    func tick() {
        done += 1
        show(done, total.map { Double(done) / Double(max($0, done)) })
    }
}
