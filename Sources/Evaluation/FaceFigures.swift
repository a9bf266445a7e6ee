import Layers
import Networks

/// What a face mesh says of a result: how well it follows the driver, and whose face it is.
struct FaceFigures {
    /// Frames of result and driver in which both have a face.
    private let result, driver: [SeenFace]
    /// The numbers of those of the result.
    private let numbers: [Int]
    /// When both are shown, nanoseconds from the films' beginnings.
    private let times: [(own: Int64, given: Int64)]
    private let portrait: SeenFace?
    private let bootstrap: Bootstrap
    private let order: [Int]

    /// - Parameters:
    ///   - pairs: frames of both films that belong together.
    ///   - block: frames of a block of the bootstrap.
    init(
        _ pairs: [FramePairing.Pair], of result: FaceTrack, with driver: FaceTrack,
        portrait: SeenFace?, block: Int
    ) {
        let both = pairs.filter { pair in
            result.faces[pair.result] != nil && driver.faces[pair.other] != nil
        }
        numbers = both.map(\.result)
        times = both.map { (result.times[$0.result], driver.times[$0.other]) }
        self.result = both.compactMap { result.faces[$0.result] }
        self.driver = both.compactMap { driver.faces[$0.other] }
        self.portrait = portrait
        bootstrap = Bootstrap(count: both.count, block: block)
        order = Bootstrap.shuffled(both.count)
    }

    /// Frames without which there is nothing to say.
    static let leastFrames = 5

    /// All of them; empty where too few frames have faces.
    var all: [Figure] {
        guard result.count >= Self.leastFrames else { return [] }
        return [pose, poseMotion, expression] + correlations + (jitter.map { [$0] } ?? [])
            + (portrait.map { [identity($0)] } ?? [])
    }

    /// A figure that is the mean of a number of each frame.
    ///
    /// - Parameters:
    ///   - copied: the number of a frame, of the portrait in the result's place.
    ///   - value: the number of frame `i` of a result against frame `j` of the driver.
    private func mean(
        _ name: String, _ title: String, unit: String, copied: ((Int) -> Double)?,
        meaning: String, _ value: (Int, Int) -> Double
    ) -> Figure {
        let values = result.indices.map { value($0, $0) }
        func mean(_ value: (Int) -> Double) -> Double {
            result.indices.reduce(0) { $0 + value($1) } / Double(result.count)
        }
        return Figure(
            name, title, unit: unit, .lower, mean { values[$0] },
            bootstrap.interval(ofMean: values), frames: result.count,
            controls: .init(
                copiedPortrait: copied.map { mean($0) },
                shuffledDriver: mean { value(order[$0], $0) }, driverItself: 0),
            meaning: meaning)
    }

    // MARK: Following

    private var pose: Figure {
        mean(
            "pose_deg", "Pose error", unit: "°",
            copied: portrait.map { own in { own.angle(to: driver[$0]) } },
            meaning: "The angle between the two heads, by the face mesh: the analogue of APD."
        ) { result[$0].angle(to: driver[$1]) }
    }

    private var poseMotion: Figure {
        let (own, given) = (Self.centred(result.map(\.angles)), Self.centred(driver.map(\.angles)))
        return mean(
            "pose_motion_deg", "Pose error, motion alone", unit: "°",
            copied: { (given[$0] * given[$0]).sum().squareRoot() },
            meaning: "The same after each film's own median pose is taken off: a head that is held "
                + "differently throughout is no error here."
        ) { i, j in
            let off = own[i] - given[j]
            return (off * off).sum().squareRoot()
        }
    }

    private static func centred(_ angles: [SIMD3<Double>]) -> [SIMD3<Double>] {
        let middle = SIMD3(
            median(angles.map(\.x)), median(angles.map(\.y)), median(angles.map(\.z)))
        return angles.map { $0 - middle }
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    private var expression: Figure {
        let points = MeasuredPoints.expression
        let (own, given) = (Self.motion(result, points), Self.motion(driver, points))
        let (all, none) = (
            Array(points.indices), [SIMD2<Float>](repeating: SIMD2(), count: points.count)
        )
        return mean(
            "expression_pct", "Expression error", unit: "%",
            copied: { none.distance(to: given[$0], of: all) },
            meaning:
                "How far lips, lids and brows are from where the driver's motion would have them, in % "
                + "of the distance between the outer corners of the eyes: the analogue of AED. Each film's "
                + "median face is taken off, so an expression that is wrong in every frame is no error here."
        ) { own[$0].distance(to: given[$1], of: all) }
    }

    /// How far points are from their medians, in % of the distance between the outer corners of the eyes.
    private static func motion(_ faces: [SeenFace], _ points: [Int]) -> [[SIMD2<Float>]] {
        let rest = points.map { point in
            let (x, y) = (faces.map { $0.shape[point].x }, faces.map { $0.shape[point].y })
            return SIMD2(x.sorted()[x.count / 2], y.sorted()[y.count / 2])
        }
        return faces.map { face in
            zip(points, rest).map { (face.shape[$0] - $1) * 100 }
        }
    }

    private var correlations: [Figure] {
        let named: [(FaceCurve, String)] = [
            (.yaw, "Yaw follows"), (.pitch, "Pitch follows"), (.roll, "Roll follows"),
            (.mouth, "Mouth opening follows"), (.lids, "Lids follow"), (.brows, "Brows follow"),
            (.gaze, "Gaze follows"),
        ]
        return named.map { curve, title in
            let own = result.map { Double(curve.value($0.reading)) }
            let given = driver.map { Double(curve.value($0.reading)) }
            func correlation(_ frames: [Int], _ partner: (Int) -> Int = { $0 }) -> Double {
                FaceCurve.correlation(frames.map { (own[partner($0)], given[$0]) })
            }
            let all = Array(result.indices)
            return Figure(
                "r_\(curve.name)", title, .higher, correlation(all),
                bootstrap.interval { correlation($0) }, frames: result.count,
                controls: .init(
                    copiedPortrait: portrait == nil ? nil : 0,
                    shuffledDriver: correlation(all) { order[$0] }, driverItself: 1),
                meaning: "Correlation of the two films' curves, -1...1.")
        }
    }

    /// Of consecutive frames: how much points of the face change their speed. Of film in which nothing
    /// trembles that is small, and of a blurred or frozen one smaller still.
    private var jitter: Figure? {
        func acceleration(_ faces: [SeenFace], _ i: Int, _ order: (Int) -> Int = { $0 }) -> Double {
            let (a, b, c) = (faces[order(i - 1)], faces[order(i)], faces[order(i + 1)])
            let scale = b.reading.pose.scale
            let sum = MeasuredPoints.key.reduce(Float(0)) { sum, point in
                let off = a.place(point) + c.place(point) - 2 * b.place(point)
                return sum + (off * off).sum().squareRoot()
            }
            return Double(sum / scale) / Double(MeasuredPoints.key.count)
        }
        // Three frames of each film, as far apart in the one as in the other: acceleration depends on that.
        let inner = (1..<result.count - 1).filter { middle in
            numbers[middle + 1] - numbers[middle - 1] == 2
                && [middle, middle + 1].allSatisfy { frame in
                    let own = times[frame].own - times[frame - 1].own
                    let given = times[frame].given - times[frame - 1].given
                    return (own - given).magnitude * 10 <= own.magnitude
                }
        }
        guard inner.count >= Self.leastFrames else { return nil }
        let own = inner.map { acceleration(result, $0) },
            given = inner.map { acceleration(driver, $0) }
        func ratio(_ own: [Double], _ frames: [Int]) -> Double? {
            let (above, below) = frames.reduce((0.0, 0.0)) { ($0.0 + own[$1], $0.1 + given[$1]) }
            return below > 1e-9 ? above / below : nil
        }
        let all = Array(inner.indices)
        let drawn = Bootstrap(count: inner.count, block: bootstrap.block)
        return Figure(
            "jitter", "Trembling", .one, ratio(own, all), drawn.interval { ratio(own, $0) },
            frames: inner.count,
            controls: .init(
                copiedPortrait: portrait == nil ? nil : 0,
                shuffledDriver: ratio(
                    inner.map { i in acceleration(result, i) { order[$0] } }, all),
                driverItself: 1),
            meaning:
                "Acceleration of the face's points, as a multiple of the driver's. Above 1 the result "
                + "trembles more; below 1 it is smoother, which blur and a frozen face are as well."
        )
    }

    // MARK: Identity

    /// Of the quarter of the frames in which pose and mouth are most like the portrait's: turning and speaking
    /// change what a mesh sees of a face.
    private func identity(_ portrait: SeenFace) -> Figure {
        func distances(_ faces: [SeenFace]) -> [Double] {
            let unlike = faces.map { face in
                let mouth = (face.reading.mouthOpening - portrait.reading.mouthOpening).magnitude
                return face.angle(to: portrait) / 10 + Double(mouth) / 0.1
            }
            let count = max(faces.count / 4, min(faces.count, Self.leastFrames))
            let most = unlike.sorted()[count - 1]
            return faces.indices.filter { unlike[$0] <= most }.map { index in
                100 * faces[index].shape.distance(to: portrait.shape, of: MeasuredPoints.identity)
            }
        }
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        let own = distances(result)
        let drawn = Bootstrap(count: own.count, block: max(bootstrap.block / 4, 1))
        return Figure(
            "identity_pct", "Identity, proportions", unit: "%", .lower, mean(own),
            drawn.interval(ofMean: own), frames: own.count,
            controls: .init(copiedPortrait: 0, driverItself: mean(distances(driver))),
            meaning:
                "How far nose, cheekbones, eyes and jaw are from the portrait's, in % of the distance "
                + "between the outer corners of the eyes, in the quarter of the frames that are most like the "
                + "portrait in pose and mouth. It sees proportions, not skin, hair or eyes.")
    }
}
