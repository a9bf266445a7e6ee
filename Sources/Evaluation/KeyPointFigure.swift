/// Where key points are, against a truth.
enum KeyPointFigure {
    /// - Parameters:
    ///   - portrait: the portrait's face, laid into the result's frames.
    static func figure(
        _ pairs: [FramePairing.Pair], of result: FaceTrack, with truth: FaceTrack,
        portrait: [SIMD2<Float>]?, block: Int
    ) -> Figure? {
        let both = pairs.compactMap { pair in
            result.faces[pair.result].flatMap { own in truth.faces[pair.other].map { (own, $0) } }
        }
        guard both.count >= FaceFigures.leastFrames else { return nil }
        let points = MeasuredPoints.key, unit = 256 / Double(truth.width)
        let own = both.map { pair in points.map { pair.0.place($0) } }
        let known = both.map { pair in points.map { pair.1.place($0) } }
        let all = Array(points.indices), order = Bootstrap.shuffled(both.count)
        func mean(_ place: (Int) -> [SIMD2<Float>]) -> Double {
            both.indices.reduce(0) { $0 + unit * place($1).distance(to: known[$1], of: all) }
                / Double(both.count)
        }
        let values = both.indices.map { unit * own[$0].distance(to: known[$0], of: all) }
        return Figure(
            "keypoints_px", "Key point distance", unit: "px", .lower, mean { own[$0] },
            Bootstrap(count: both.count, block: block).interval(ofMean: values), frames: both.count,
            controls: .init(
                copiedPortrait: portrait.map { laid in
                    let places = points.map { laid[$0] }
                    return mean { _ in places }
                }, shuffledDriver: mean { own[order[$0]] }),
            meaning:
                "Mean distance of \(points.count) points of the mesh from the truth's, in pixels of a "
                + "picture that is 256 wide: the analogue of AKD.")
    }
}
