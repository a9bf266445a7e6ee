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
        _ height: Int, _ width: Int, _ places: [(center: SIMD2<Float>, side: Float)],
        of person: Tensor<UInt8> = portrait
    ) -> Tensor<UInt8> {
        let scene = Tensor<UInt8>(repeating: 140, shape: [1, height, width, 3])
        for place in places {
            let side = Int(place.side)
            let small = Tensor<UInt8>(uninitialized: [1, side, side, 3])
            person.sample(PictureMap(square: side, to: SIMD2(128, 128), side: 256), into: small)
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

    /// The demo's driver, 256 × 256, whose hair makes the detector's box too large.
    private static let driver: Tensor<UInt8> = {
        let reader = try! VideoReader(path: "Models/demo/driving.mp4")
        // Sound may come first.
        while case .audio? = try! reader.next() {}
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        try! reader.copyFrame(into: frame)
        return frame
    }()

    @Test func `a face is looked at until the mesh stays where it is`() throws {
        let whole = try crop(Self.driver, "driver")
        let far = try crop(
            scene(720, 1280, [(SIMD2(640, 360), 300)], of: Self.driver), "driver")

        #expect(abs(far.side / 300 - whole.side / 256) < 0.05, "\(far.side / 300), \(whole.side / 256)")
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

        // Whether there is a face is said of every frame, for edges with 'when:'.
        #expect(harness.received(FaceCropNode.found).map(\.array) == [[0], [0], [0]])
        #expect(harness.sent.count == 3 && harness.dropped.map(\.stamp.frame) == [0, 1, 2])
        #expect(harness.dropped.allSatisfy { $0.reason == "no face has been seen yet" })
        #expect(harness.warnings.last?.hasPrefix("3 frames without a face, which is all") == true)
    }

    @Test func `the largest face is taken, or the one that is asked for`() throws {
        let two = scene(400, 900, [(SIMD2(200, 200), 300), (SIMD2(700, 200), 200)])
        let largest = try crop(two, "portrait"), second = try crop(two, "portrait", face: 2)

        #expect(abs(largest.center.x - 200) < 30 && abs(second.center.x - 700) < 30)
        var harness = try harness("portrait")
        try harness.tick([.init(FaceCropNode.frame, two)])
        #expect(harness.warnings.first?.hasPrefix("2 faces found: the largest is taken") == true)
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

    /// Where the middle of the crop lies in the frame, of every crop so far.
    private func centers(_ harness: NodeHarness<FaceCropNode>) -> [SIMD2<Float>] {
        harness.received(FaceCropNode.transform).map(\.array).map {
            SIMD2($0[0] + $0[1], $0[3] + $0[4]) / 2 + SIMD2($0[2], $0[5])
        }
    }

    @Test(arguments: [1, 40])
    func `a driver who comes back elsewhere is in the first crop, however long he was away`(
        frames: Int
    ) throws {
        let (left, right) = ((SIMD2<Float>(200, 200), Float(300)), (SIMD2<Float>(700, 200), Float(300)))
        var harness = try harness("driver")
        try harness.tick([.init(FaceCropNode.frame, scene(400, 900, [left]))])
        for _ in 0..<frames { try harness.tick([.init(FaceCropNode.frame, scene(400, 900, []))]) }
        try harness.tick([.init(FaceCropNode.frame, scene(400, 900, [right]))])

        let centers = centers(harness)
        #expect(centers.count == frames + 2 && abs(centers.last!.x - 700) < 40)
    }

    @Test func `frames of another size are another scene`() throws {
        var harness = try harness("driver")
        let small = scene(240, 320, [(SIMD2(80, 120), 160)])
        try harness.tick([.init(FaceCropNode.frame, scene(720, 1280, [(SIMD2(900, 400), 500)]))])
        try harness.tick([.init(FaceCropNode.frame, small)])

        let alone = try crop(small, "driver")
        #expect(harness.received(FaceCropNode.crop).last?.array == alone.picture.array)
    }

    @Test func `a slide show is followed from picture to picture`() throws {
        var harness = try harness("driver")
        for index in 0..<5 {
            let place = (SIMD2<Float>(150 + 150 * Float(index), 200), Float(250))
            try harness.tick(
                [.init(FaceCropNode.frame, scene(400, 900, [place]))],
                stamp: Stamp(
                    frame: UInt64(index), captured: 0, presentation: Int64(index) * 2_000_000_000))
        }

        for (index, center) in centers(harness).enumerated() {
            #expect(abs(center.x - 150 - 150 * Float(index)) < 50, "picture \(index)")
        }
    }

    @Test func `a successor searches on where the one before it was`() throws {
        let far = scene(900, 900, [(SIMD2(800, 100), 130)])
        let empty = Tensor<UInt8>(repeating: 140, shape: far.shape)
        var one = try harness("driver"), other = try harness("driver")
        for _ in 0..<2 { try one.tick([.init(FaceCropNode.frame, far)]) }
        for _ in 0..<2 { try other.tick([.init(FaceCropNode.frame, far)]) }
        for _ in 0..<3 { try one.tick([.init(FaceCropNode.frame, empty)]) }
        for _ in 0..<3 { try other.tick([.init(FaceCropNode.frame, empty)]) }
        var successor = try harness("driver")
        try successor.restore(from: other)
        let before = one.received(FaceCropNode.crop).count
        // Elsewhere, and too small for a look at the whole picture.
        let back = scene(900, 900, [(SIMD2(120, 800), 110)])
        for frame in 5..<40 {
            let stamp = Stamp(
                frame: UInt64(frame), captured: 0, presentation: Int64(frame) * 40_000_000)
            try one.tick([.init(FaceCropNode.frame, back)], stamp: stamp)
            try successor.tick([.init(FaceCropNode.frame, back)], stamp: stamp)
        }

        #expect(
            successor.received(FaceCropNode.crop).map(\.array)
                == one.received(FaceCropNode.crop)[before...].map(\.array))
        #expect(one.warnings.contains { $0.hasPrefix("the face is back") })
    }

    @Test func `a successor that is to follow another face looks for it`() throws {
        let two = scene(400, 900, [(SIMD2(200, 200), 300), (SIMD2(700, 200), 200)])
        var one = try harness("driver")
        try one.tick([.init(FaceCropNode.frame, two)])
        var successor = try harness("driver", face: 2)
        try successor.restore(from: one)
        try successor.tick([.init(FaceCropNode.frame, two)])

        #expect(abs(centers(successor)[0].x - 700) < 40)
    }

    @Test func `a second face is looked for in parts, and refused where there is none`() throws {
        let scene = scene(900, 1600, [(SIMD2(450, 450), 800), (SIMD2(1450, 120), 110)])
        let second = try crop(scene, "portrait", face: 2)
        #expect(abs(second.center.x - 1450) < 30)

        var alone = try harness("portrait", face: 2)
        let error = #expect(throws: NoFace.self) {
            try alone.tick([.init(FaceCropNode.frame, Self.portrait)])
        }
        #expect("\(error!)".contains("1 face was found in the portrait (256x256), and 'face: 2' needs 2"))
    }

    @Test func `what cannot be put back is named`() throws {
        var paste = try NodeHarness(PasteBackNode.self)
        let wide = Tensor<UInt8>(repeating: 1, shape: [1, 9, 16, 3])
        for (face, numbers) in [
            (wide, [100, 0, 0, 0, 100, 0]), (Self.portrait, [.nan, 0, 0, 0, 1, 0]),
            (Self.portrait, [1, 1, 0, 1, 1, 0]), (Self.portrait, [1e9, 0, 0, 0, 1e9, 0]),
        ] as [(Tensor<UInt8>, [Float])] {
            #expect(throws: (any Error).self) {
                try paste.tick([
                    .init(PasteBackNode.face, face), .init(PasteBackNode.picture, Self.portrait),
                    .init(PasteBackNode.transform, Tensor(numbers, shape: [2, 3])),
                ])
            }
        }
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
        #expect(harness.received(FaceCropNode.mesh).map(\.shape) == [[478, 3]])
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
        // Outside of the crop, whose middle and side the transform gives, nothing is touched.
        let (center, side) = (centers(crop)[0], Float(230))
        let touched = (0..<500 * 400).filter { pixel in
            result.array[3 * pixel..<3 * pixel + 3] != whole.array[3 * pixel..<3 * pixel + 3]
        }
        #expect(
            touched.allSatisfy { pixel in
                let off = SIMD2(Float(pixel % 400), Float(pixel / 400)) - center
                return max(abs(off.x), abs(off.y)) < side / 2 * 1.1
            })
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
