import Layers
import Media
import Networks
import NodeKit
import Tensors

/// Bends a portrait's picture so that its face does what a driver's does. Made up are the inside of a mouth
/// that is closed in the photo, and what lids hide of iris and white of the eye; all else is the photo.
///
/// It needs no weights of the model, only the face mesh's, and its frames go where a decoder's go.
package struct FaceWarpNode: Node {
    package static let portrait = Port(
        "portrait", UInt8.self, "1 h w 3", meaning: "rgb", pace: .last, "who is animated")
    package static let portraitMesh = Port(
        "portrait-mesh", Float.self, "q 3", meaning: "face-mesh", pace: .last,
        "the portrait's face, as face-crop gives it for the same picture")
    package static let mesh = Port(
        "mesh", Float.self, "points 3", meaning: "face-mesh",
        "the driver's face, frame by frame, as face-crop gives it")
    package static let transform = Port(
        "transform", Float.self, "2 3", meaning: "affine", isOptional: true,
        "from the driver's crop to his frame, as face-crop gives it; without it the crop must be square, "
            + "and movements that the crop follows are not seen")
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "the portrait with the driver's motion")

    package static let neutralFrames = Setting(
        "neutral-frames", Int.self, type: .integer(1...750), default: 75,
        "over how many frames the driver's neutral face is found, against which his motion is measured; "
            + "with 1 it is his first")

    package static let label = Setting(
        "label", Bool.self, default: false, "whether the word 'WARP' is set into a corner of the frame")

    package static let spec = NodeSpec(
        "face-warp",
        "Bends a portrait's picture after a driver's face; no diffusion, no weights of the model.",
        inputs: [portrait, portraitMesh, mesh, transform], outputs: [frame],
        settings: [neutralFrames, label], state: .saved)

    private let neutralFrames: Int
    private let isLabelled: Bool
    private var warp: PhotoWarp?
    /// The portrait as it was, and its mesh, to see whether they have changed.
    private var picture: Tensor<UInt8>?
    private var points: [Float] = []
    private var driver: DriverFace
    private var epoch: UInt32?
    private var jumps = Gaps()

    /// A stretch of frames whose mesh was not followed.
    private struct Gaps {
        var first: UInt64?
        var count = 0
    }

    package init(settings: Settings) throws {
        neutralFrames = settings[Self.neutralFrames]
        isLabelled = settings[Self.label]
        driver = DriverFace(neutralFrames: neutralFrames)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        look(at: inputs[Self.portrait], inputs[Self.portraitMesh], &outputs)
        if let epoch, epoch != inputs.stamp.epoch {
            driver = DriverFace(neutralFrames: neutralFrames)
        }
        epoch = inputs.stamp.epoch
        follow(inputs, &outputs)
        let frame = outputs.tensor(for: Self.frame, shape: picture!.shape)
        if warp != nil {
            warp!.draw(driver, into: frame)
        } else {
            frame.pointer.update(from: picture!.pointer, count: frame.count)
        }
        if isLabelled { WordStamp.set("WARP", into: frame) }
        outputs[Self.frame] = frame
    }

    package mutating func finish(into outputs: inout Outputs) { endJump(&outputs) }

    // MARK: The portrait

    private mutating func look(
        at portrait: Tensor<UInt8>, _ mesh: Tensor<Float>, _ outputs: inout Outputs
    ) {
        let numbers = mesh.array
        // Bit for bit: what is no number equals nothing, not even itself.
        if let picture, portrait.hasSamePixels(as: picture),
            numbers.elementsEqual(points, by: { $0.bitPattern == $1.bitPattern })
        {
            return
        }
        let (height, width) = (Float(portrait.shape[1]), Float(portrait.shape[2]))
        let places = mesh.points.map { $0 * SIMD3(width, height, (width * height).squareRoot()) }
        (picture, points) = (portrait.ownCopy, numbers)
        warp = PhotoWarp(picture!, mesh: places)
        guard let next = warp else { return outputs.warn(Self.noMesh(places.count)) }
        let degrees = Int((next.yaw.magnitude * 180 / .pi).rounded())
        if next.yaw.magnitude > PhotoWarp.sideView {
            outputs.warn(
                "the portrait is turned away by \(degrees)°: a warp shows only what the photo shows, so its "
                    + "motion is made smaller; one from the front (up to 30°) gives the whole motion")
        }
        if next.hidesMouth {
            outputs.warn(
                "the portrait's mouth seems to be covered, as by a mask: it stays closed, head and eyes move")
        }
    }

    // MARK: The driver

    private mutating func follow(_ inputs: Inputs, _ outputs: inout Outputs) {
        var points = inputs[Self.mesh].points
        if let map = inputs[ifPresent: Self.transform].map(PictureMap.init) {
            points = points.map { map($0) }
        }
        switch driver.look(at: points) {
        case .followed: endJump(&outputs)
        case .believed:
            endJump(&outputs)
            outputs.warn(
                "frame \(inputs.stamp.frame): the driver's face is elsewhere for good: it is followed again, "
                    + "and its neutral is found anew")
        case .held:
            if jumps.first == nil { jumps.first = inputs.stamp.frame }
            jumps.count += 1
        }
    }

    private mutating func endJump(_ outputs: inout Outputs) {
        guard let first = jumps.first else { return }
        outputs.warn(
            "frame \(first): the driver's face jumped or was not found; the motion before it was held for "
                + "\(jumps.count) \(jumps.count == 1 ? "frame" : "frames")")
        jumps = Gaps()
    }

    private static func noMesh(_ count: Int) -> String {
        let found = count == 0
            ? "no face was found in the portrait"
            : "the portrait's mesh is no face's (\(count) points)"
        return "\(found), and face-warp needs one of 478: the portrait stays as it is; give 'portrait-mesh' "
            + "what face-crop with 'subject: portrait' sends on 'mesh', after 'personalive models pull face'"
    }
}

extension FaceWarpNode {
    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write(epoch.map { Int($0) } ?? -1)
        writer.write(jumps.first.map { Int($0) } ?? -1)
        writer.write(jumps.count)
        for numbers in driver.numbers { writer.write(numbers) }
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        let epoch = reader.number(), first = reader.number()
        self.epoch = epoch < 0 ? nil : UInt32(epoch)
        jumps = Gaps(first: first < 0 ? nil : UInt64(first), count: reader.number())
        driver = DriverFace(
            neutralFrames: neutralFrames, numbers: (0..<3).map { _ in reader.floats() })
    }
}
