/// Whether something lies over a portrait's mouth, as a mask does.
///
/// A mesh has lips there all the same. But under a mask their colour is that of their surroundings, and
/// these are not of the colour of the skin between the brows, which no mask reaches. A beard leaves the cheeks
/// beside the nose bare, and in a grey picture nothing differs.
enum MouthCover {
    /// Numbers of points from the forehead to the bridge of the nose, of which a fringe or glasses cover some;
    /// on the cheeks beside the nose, around the mouth, and on the lips.
    private static let skin = [151, 9, 8, 168, 6], cheeks = [205, 425, 203, 423]
    private static let around = [164, 18, 200, 199, 43, 273, 205, 425]
    private static let lips = [0, 37, 267, 17, 84, 314]

    /// Shares of red and green: how far skin and a mask are apart at least, and lips and what covers them at
    /// most. Of sixty rendered people with beards, fringes and glasses none has 0.07 and 0.02; a blue mask over
    /// a photo has 0.12 and 0.001.
    private static let apart: Float = 0.07, alike: Float = 0.02

    static func isSeen(_ mesh: [SIMD3<Float>], _ picture: PortraitPixels) -> Bool {
        func share(_ color: SIMD3<Float>) -> SIMD2<Float> {
            SIMD2(color.x, color.y) / max(color.sum(), 1)
        }
        func mean(_ points: [Int]) -> SIMD2<Float> {
            share(points.reduce(SIMD3<Float>()) { $0 + picture.color(at: mesh[$1].flat) })
        }
        let bare = skin.map { share(picture.color(at: mesh[$0].flat)) }
        let middle = SIMD2(
            bare.map(\.x).sorted()[bare.count / 2], bare.map(\.y).sorted()[bare.count / 2])
        let cover = mean(around)
        return min((cover - middle).length, (mean(cheeks) - middle).length) > apart
            && (cover - mean(lips)).length < alike
    }
}
