/// Whether something lies over a portrait's mouth, as a mask does.
///
/// A mesh has lips there all the same. But under a mask their colour is that of their surroundings, and
/// these are not of the colour of the skin between the eyes and on the cheekbones. Under a beard lips are
/// still redder than it, and in a grey picture nothing differs.
enum MouthCover {
    /// Numbers of points on bare skin, around the mouth and on the lips.
    private static let skin = [9, 151, 117, 346, 50, 280]
    private static let around = [164, 18, 200, 199, 43, 273, 205, 425]
    private static let lips = [0, 37, 267, 17, 84, 314]

    /// Shares of red and green: how far skin and a mask are apart at least, and lips and what covers them at
    /// most.
    private static let apart: Float = 0.06, alike: Float = 0.02

    static func isSeen(_ mesh: [SIMD3<Float>], _ picture: PortraitPixels) -> Bool {
        func color(_ points: [Int]) -> SIMD2<Float> {
            let sum = points.reduce(SIMD3<Float>()) { $0 + picture.color(at: mesh[$1].flat) }
            return SIMD2(sum.x, sum.y) / max(sum.sum(), 1)
        }
        let cover = color(around)
        return (cover - color(skin)).length > apart && (cover - color(lips)).length < alike
    }
}
