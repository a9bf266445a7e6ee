import BuiltinNodes
import Foundation
import Layers
import Media
import Networks
import NodeKit
import Tensors
import Testing

/// The node with its networks, in the calling thread; `make test` fetches these.
@Suite(
    .enabled(
        if: FaceModel.isThere(FaceModel.folder)
            || ProcessInfo.processInfo.environment["PERSONALIVE_FACE"] == "required"))
struct FaceCropNodeTests {
    /// The demo's portrait, rendered: 256 × 256.
    private static let portrait = try! ImageReader.read("Models/demo/portrait.png")

    private func settings(_ subject: String, crop: String = "face", face: Int = 1) -> Settings {
        Settings([
            "subject": .text(subject), "crop": .text(crop), "face": .integer(face),
            "model": .text("small"), "weights": .text("Models/small"),
        ])
    }

    private func harness(
        _ subject: String, crop: String = "face", face: Int = 1
    ) throws -> NodeHarness<FaceCropNode> {
        try NodeHarness(FaceCropNode.self, settings(subject, crop: crop, face: face))
    }

    /// A grey picture with the portrait in it, again and again.
    private func scene(
        _ height: Int, _ width: Int, _ places: [(center: SIMD2<Float>, side: Float)]
    ) -> Tensor<UInt8> {
        let scene = Tensor<UInt8>(repeating: 140, shape: [1, height, width, 3])
        for place in places {
            let side = Int(place.side)
            let small = Tensor<UInt8>(uninitialized: [1, side, side, 3])
            Self.portrait.sample(
                PictureMap(square: side, to: SIMD2(128, 128), side: 256), into: small)
            scene.paste(
                small, PictureMap(square: side, to: place.center, side: place.side), feather: 0)
        }
        return scene
    }

    private func psnr(_ a: Tensor<UInt8>, _ b: Tensor<UInt8>) -> Double {
        let squares = zip(a.array, b.array).reduce(0.0) { sum, pair in
            let difference = Double(pair.0) - Double(pair.1)
            return sum + difference * difference
        }
        return 10 * log10(255 * 255 * Double(a.count) / max(squares, 1e-9))
    }

    /// The crop of a scene, and where the transform says that its middle is.
    private func crop(
        _ scene: Tensor<UInt8>, _ subject: String, face: Int = 1
    ) throws -> (picture: Tensor<UInt8>, center: SIMD2<Float>, side: Float) {
        var harness = try harness(subject, face: face)
        try harness.tick([.init(FaceCropNode.frame, scene)])
        let picture = try #require(harness.received(FaceCropNode.crop).first)
        let t = try #require(harness.received(FaceCropNode.transform).first).array
        let center = SIMD2(t[0] + t[1], t[3] + t[4]) / 2 + SIMD2(t[2], t[5])
        return (picture, center, (t[0] * t[0] + t[3] * t[3]).squareRoot())
    }

    @Test(
        arguments: [
            (256, 256, SIMD2<Float>(128, 128), Float(256)), (720, 1280, SIMD2(640, 400), 300),
            (400, 400, SIMD2(60, 340), 100), (456, 256, SIMD2(128, 228), 256),
            (900, 900, SIMD2(820, 80), 120), (240, 1200, SIMD2(1080, 120), 200),
        ])
    func `a face is found wherever it is, and lies in the crop as it does in the portrait`(
        height: Int, width: Int, center: SIMD2<Float>, side: Float
    ) throws {
        let whole = try crop(Self.portrait, "driver")
        let found = try crop(scene(height, width, [(center, side)]), "driver")

        #expect(found.picture.shape == [1, 256, 256, 3])
        // The same place of the portrait is in the middle, and as large, to a few hundredths of a face.
        let there = (found.center - center) / side
        let place = there - (whole.center - SIMD2(128, 128)) / 256
        #expect(abs(place.x) < 0.03 && abs(place.y) < 0.03, "\(place)")
        #expect(abs(found.side / side - whole.side / 256) < 0.05)
    }

    @Test func `a portrait without a face is refused in words that say what to do`() throws {
        for subject in [
            Tensor<UInt8>(repeating: 90, shape: [1, 64, 64, 3]),
            SyntheticStream.image("plasma", height: 200, width: 300, cells: 6)
                .reshaped([1, 200, 300, 3]),
        ] {
            var harness = try harness("portrait")
            let error = #expect(throws: NoFace.self) {
                try harness.tick([.init(FaceCropNode.frame, subject)])
            }

            let size = "\(subject.shape[2])x\(subject.shape[1])"
            #expect(
                "\(error!)".hasPrefix("no face was found in the portrait (\(size)): it needs one"))
        }
    }

    @Test func `another portrait without a face leaves the one before it`() throws {
        var harness = try harness("portrait")
        try harness.tick([.init(FaceCropNode.frame, Self.portrait)])
        try harness.tick([
            .init(FaceCropNode.frame, Tensor<UInt8>(repeating: 90, shape: [1, 64, 64, 3]))
        ])

        let crops = harness.received(FaceCropNode.crop)
        #expect(crops.count == 2 && crops[0].array == crops[1].array)
        #expect(harness.warnings.contains { $0.hasSuffix("the portrait before it stays") })
    }

    @Test func `a driver's last pose is held, counted and said once, also by a successor`() throws {
        let empty = Tensor<UInt8>(repeating: 90, shape: [1, 256, 256, 3])
        var one = try harness("driver"), other = try harness("driver")
        func feed(_ harness: inout NodeHarness<FaceCropNode>, _ frames: Range<Int>) throws {
            for frame in frames {
                let stamp = Stamp(
                    frame: UInt64(frame), captured: 0, presentation: Int64(frame) * 40_000_000)
                let isGone = (3..<8).contains(frame)
                try harness.tick(
                    [.init(FaceCropNode.frame, isGone ? empty : Self.portrait)], stamp: stamp)
            }
        }
        try feed(&one, 0..<10)
        try feed(&other, 0..<5)
        var successor = try harness("driver")
        try successor.restore(from: other)
        try feed(&successor, 5..<10)

        let crops = one.received(FaceCropNode.crop).map(\.array)
        #expect(crops.count == 10 && crops[3..<8].allSatisfy { $0 == crops[2] })
        #expect(
            one.warnings == [
                "no face in frame 3: the last pose is held",
                "the face is back at frame 8, after 5 frames without a face",
            ])
        #expect(successor.received(FaceCropNode.crop).map(\.array) == Array(crops[5...]))
        #expect(successor.warnings == Array(one.warnings.dropFirst()))
    }

    @Test func `frames before the first face are dropped with the reason`() throws {
        var harness = try harness("driver")
        let empty = Tensor<UInt8>(repeating: 90, shape: [1, 256, 256, 3])
        for _ in 0..<3 { try harness.tick([.init(FaceCropNode.frame, empty)]) }
        try harness.finish()

        #expect(harness.sent.isEmpty && harness.dropped.map(\.stamp.frame) == [0, 1, 2])
        #expect(harness.dropped.allSatisfy { $0.reason == "no face has been seen yet" })
        #expect(harness.warnings.last?.hasPrefix("3 frames without a face, which is all") == true)
    }

    @Test func `the largest face is taken, or the one that is asked for`() throws {
        let two = scene(400, 900, [(SIMD2(200, 200), 300), (SIMD2(700, 200), 200)])
        let largest = try crop(two, "portrait"), second = try crop(two, "portrait", face: 2)

        #expect(abs(largest.center.x - 200) < 30 && abs(second.center.x - 700) < 30)
        var harness = try harness("portrait")
        try harness.tick([.init(FaceCropNode.frame, two)])
        #expect(harness.warnings.first?.hasPrefix("2 faces are to be seen: the largest") == true)
    }

    @Test func `a lost driver is found again nearest to where he was`() throws {
        let (left, right) = (
            (center: SIMD2<Float>(200, 200), side: Float(200)),
            (center: SIMD2<Float>(700, 200), side: Float(260))
        )
        var harness = try harness("driver", face: 2)
        let empty = Tensor<UInt8>(repeating: 140, shape: [1, 400, 900, 3])
        for picture in [scene(400, 900, [left, right]), empty, scene(400, 900, [left, right])] {
            try harness.tick([.init(FaceCropNode.frame, picture)])
        }

        let last = try #require(harness.received(FaceCropNode.transform).last).array
        #expect(abs(last[2] + last[0] / 2 - 200) < 40)
    }

    @Test func `without cropping the frame goes through bit for bit, of any shape`() throws {
        let picture = scene(90, 160, [])
        for subject in ["portrait", "driver"] {
            var harness = try harness(subject, crop: "none")
            try harness.tick([.init(FaceCropNode.frame, picture)])

            #expect(harness.received(FaceCropNode.crop).map(\.array) == [picture.array])
            #expect(
                harness.received(FaceCropNode.transform).map(\.array) == [[160, 0, 0, 0, 90, 0]])
            #expect(harness.received(FaceCropNode.mesh).map(\.shape) == [[0, 3]])
        }
    }

    @Test func `the middle square is what networks take of an uncropped frame`() throws {
        let picture = scene(300, 500, [(SIMD2(250, 150), 300)])
        var harness = try harness("driver", crop: "center")
        try harness.tick([.init(FaceCropNode.frame, picture)])

        let square = DrivingFrames.square(picture, size: 256)
        #expect(harness.received(FaceCropNode.crop).map(\.array) == [square.array])
        #expect(harness.received(FaceCropNode.mesh).map(\.shape) == [[468, 3]])
    }

    @Test func `the mesh lies on the face in the crop`() throws {
        var harness = try harness("portrait")
        try harness.tick([.init(FaceCropNode.frame, Self.portrait)])
        let mesh = try #require(harness.received(FaceCropNode.mesh).first).array
        func point(_ index: Int) -> SIMD2<Float> { SIMD2(mesh[3 * index], mesh[3 * index + 1]) }

        // Nose in the middle, eyes level above it, the mouth below (numbers of MediaPipe's mesh).
        #expect(abs(point(1).x - 0.5) < 0.05)
        #expect(abs(point(33).y - point(263).y) < 0.02 && point(33).x < point(263).x)
        #expect(point(33).y < point(1).y && point(1).y < point(13).y)
    }

    @Test func `without its networks the node says so once and passes frames on`() throws {
        let settings = settings("driver").setting(FaceCropNode.networks, to: "/nowhere")
        var harness = try NodeHarness(FaceCropNode.self, settings)
        for _ in 0..<3 { try harness.tick([.init(FaceCropNode.frame, Self.portrait)]) }

        #expect(harness.warnings.count == 1)
        #expect(harness.warnings[0].contains("personalive models pull face"))
        let sent = harness.received(FaceCropNode.crop)
        #expect(sent.count == 3 && sent.allSatisfy { $0.array == Self.portrait.array })
    }

    @Test func `a face that is put back unchanged leaves the portrait as it was`() throws {
        let whole = scene(500, 400, [(SIMD2(180, 300), 200)])
        var crop = try harness("portrait")
        try crop.tick([.init(FaceCropNode.frame, whole)])
        var paste = try NodeHarness(PasteBackNode.self)
        try paste.tick([
            .init(PasteBackNode.face, try #require(crop.received(FaceCropNode.crop).first)),
            .init(
                PasteBackNode.transform, try #require(crop.received(FaceCropNode.transform).first)),
            .init(PasteBackNode.picture, whole),
        ])
        let result = try #require(paste.received(PasteBackNode.frame).first)

        #expect(psnr(result, whole) > 38)
        // Outside of the crop nothing is touched.
        #expect(result.array[..<1200] == whole.array[..<1200])
    }
}

extension NodeHarness where Subject == FaceCropNode {
    fileprivate mutating func restore(from other: NodeHarness) throws {
        guard let state = other.node.save() else { return }
        var successor = node
        successor.restore(state.bytes)
        self = try NodeHarness(resuming: successor)
    }
}
