extension [SIMD3<Float>] {
    /// x, y and z of one point after the other.
    package var coordinates: [Float] { flatMap { [$0.x, $0.y, $0.z] } }

    package init(coordinates n: ArraySlice<Float>) {
        self = stride(from: n.startIndex, to: n.endIndex, by: 3).map {
            SIMD3(n[$0], n[$0 + 1], n[$0 + 2])
        }
    }
}
