import Layers
import Networks
import NodeKit
import Tensors

/// Finds the face in a portrait or in a driver's frames, and cuts it out as the model wants it.
package struct FaceCropNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "a portrait, or frames of a driver")
    package static let crop = Port(
        "frame", UInt8.self, "1 r s 3", meaning: "rgb",
        "the face in its surroundings, square; with 'crop: none' the frame itself")
    package static let mesh = Port(
        "mesh", Float.self, "points 3", meaning: "face-mesh",
        "478 points of the face, lids, lips and irises refined, in MediaPipe's order: x in widths of the "
            + "crop, y in heights, z away from the viewer in square roots of width times height, which in a "
            + "square crop are widths; 0 points where no face was found")
    package static let transform = Port(
        "transform", Float.self, "2 3", meaning: "affine",
        "from a place in the crop, as the mesh counts, to pixels of the frame: x' = row 0 · (x, y, 1), "
            + "y' = row 1 · (x, y, 1)")

    package static let found = Port(
        "found", Float.self, "1", meaning: "scalar",
        "1 where a face was seen in this frame, 0 where the last one is held or there was none yet")

    package static let subject = Setting(
        "subject", String.self, type: .choice(["portrait", "driver"]),
        "whose face it is: a portrait without one is refused, a driver's is held while it is gone")
    package static let mode = Setting(
        "crop", String.self, type: .choice(["face", "center", "none"]), default: "face",
        "what is cut out: the face as the model was trained with it, the middle square, or nothing")
    package static let choice = Setting(
        "face", Int.self, type: .integer(1...64), default: 1,
        "which one where there are several: 1 is the largest; later the one nearest to the last")
    package static let size = Setting(
        "size", Int.self, type: .integer(16...4096), isOptional: true, unit: "px",
        "rows and columns of the crop; twice the model's, at most 512, otherwise")
    package static let networks = Setting(
        "networks", String.self, default: FaceModel.folder,
        "the folder that 'personalive models pull face' makes; without it nothing is cut out"
    ).folder()

    package static let spec = NodeSpec(
        "face-crop", "Finds a face and cuts it out as the model wants it.", inputs: [frame],
        outputs: [crop, mesh, transform, found],
        settings: [
            subject, mode, choice, size, networks, ModelSettings.model, ModelSettings.weights,
        ], state: .saved)

    private let isPortrait: Bool
    private let mode: String
    private let choice: Int
    private let side: Int
    private let framing: FaceFraming.Part
    private let finder: FaceFinder?
    /// Why there is no finder.
    private let lack: String?
    private var follower: FaceFollower?
    private var region: SteadyRegion?
    /// Rows and columns of the frames, and their epoch: in others the face may be anywhere.
    private var scene: [Int] = []
    /// The last good crop, which is sent again while no face is to be seen.
    private var held: Cut?
    private var gaps = FaceGaps()
    private var hasWarned = false

    /// What is sent for one frame; the map leads from widths and heights of the crop to the frame.
    private struct Cut {
        var picture: Tensor<UInt8>
        var mesh: Tensor<Float>
        var map: PictureMap
        var isFound = true
    }

    package init(settings: Settings) throws {
        let model = try ModelSettings(settings).configuration
        isPortrait = settings[Self.subject] == "portrait"
        mode = settings[Self.mode]
        choice = settings[Self.choice]
        side = settings[ifSet: Self.size] ?? min(2 * model.imageSize, 512)
        framing = isPortrait ? model.framing.portrait : model.framing.driver
        let folder = settings[Self.networks]
        lack = FaceModel.lack(of: folder)
        finder = lack == nil ? FaceFinder(try FaceModel(folder: folder)) : nil
        follower = finder.map { FaceFollower($0, choice: settings[Self.choice]) }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let frame = inputs[Self.frame]
        guard let finder, mode == "face" else {
            return sendWithoutLooking(frame, into: &outputs)
        }
        if isPortrait {
            try cutPortrait(frame, finder, into: &outputs)
        } else {
            follow(frame, inputs.stamp, into: &outputs)
        }
    }

    package mutating func finish(into outputs: inout Outputs) {
        for text in gaps.end() { outputs.warn(text) }
    }

    // MARK: A portrait

    private mutating func cutPortrait(
        _ picture: Tensor<UInt8>, _ finder: FaceFinder, into outputs: inout Outputs
    ) throws {
        let faces = finder.faces(in: picture, atLeast: choice)
        guard faces.count >= choice else {
            let fault = NoFace(
                width: picture.shape[2], height: picture.shape[1], found: faces.count, wanted: choice)
            // Another portrait than the one that is on air: that one stays.
            guard let held else { throw fault }
            outputs.warn("\(fault); the portrait before it stays")
            return send(held, into: &outputs)
        }
        if faces.count > 1 { outputs.warn(Self.crowd(faces.count, choice)) }
        let face = faces[choice - 1]
        let cut = cut(picture, face, framing.region(of: face.measure), &outputs)
        send(cut, into: &outputs)
        held = Cut(picture: cut.picture.ownCopy, mesh: cut.mesh, map: cut.map)
    }

    private static func crowd(_ count: Int, _ choice: Int) -> String {
        choice == 1
            ? "\(count) faces found: the largest is taken ('face: 2' takes the second largest)"
            : "\(count) faces found: number \(min(choice, count)) by size is taken"
    }

    // MARK: A driver

    private mutating func follow(
        _ picture: Tensor<UInt8>, _ stamp: Stamp, into outputs: inout Outputs
    ) {
        let scene = [picture.shape[1], picture.shape[2], Int(stamp.epoch)]
        if scene != self.scene {
            self.scene = scene
            (follower!.memory, region) = (FaceFollower.Memory(), nil)
        }
        let (isFirst, wasInSight) = (follower!.memory.last == nil, follower!.memory.isInSight)
        guard let face = follower!.look(at: picture) else { return hold(stamp, into: &outputs) }
        for text in gaps.found(at: stamp.frame) { outputs.warn(text) }
        if isFirst, follower!.crowd > 1 || choice > 1 {
            outputs.warn(Self.crowd(follower!.crowd, choice))
        }
        let wanted = framing.region(of: face.measure), time = Double(stamp.presentation) / 1e9
        // A head that was away comes back where it likes.
        if !wasInSight, region?.holds(wanted) != true { region = SteadyRegion(wanted, at: time) }
        region!.follow(wanted, at: time)
        let cut = cut(picture, face, region!.region, &outputs)
        held = Cut(picture: cut.picture.ownCopy, mesh: cut.mesh, map: cut.map)
        send(cut, into: &outputs)
    }

    /// No face: the last pose is held; before there was any, the frame is dropped.
    private mutating func hold(_ stamp: Stamp, into outputs: inout Outputs) {
        for text in gaps.missed(stamp.frame, isHeld: held != nil) { outputs.warn(text) }
        guard var held else {
            outputs[Self.found] = Tensor<Float>([0], shape: [1])
            return outputs.drop(stamp, because: "no face has been seen yet")
        }
        held.isFound = false
        send(held, into: &outputs)
    }

    // MARK: Both

    private mutating func cut(
        _ picture: Tensor<UInt8>, _ face: Face, _ place: Face.Region, _ outputs: inout Outputs
    ) -> Cut {
        let crop = outputs.tensor(for: Self.crop, shape: [1, side, side, 3])
        picture.sample(Self.map(of: place, size: side), into: crop)
        let map = Self.map(of: place, size: 1)
        return Cut(picture: crop, mesh: Self.mesh(of: face, map), map: map)
    }

    private static func map(of place: Face.Region, size: Int) -> PictureMap {
        PictureMap(square: size, to: place.center, side: place.side, radians: place.radians)
    }

    private static func mesh(of face: Face, _ map: PictureMap) -> Tensor<Float> {
        let back = map.inverse
        let points = face.points.map { point in
            let place = back(SIMD2(point.x, point.y))
            return SIMD3(place.x, place.y, point.z * back.scale)
        }
        return Tensor(keypoints: [points]).reshaped([points.count, 3])
    }

    /// The frame or its middle, as it would be without this node.
    private mutating func sendWithoutLooking(
        _ frame: Tensor<UInt8>, into outputs: inout Outputs
    ) {
        if let lack, mode == "face", !hasWarned {
            hasWarned = true
            outputs.warn(
                "faces are not looked for: \(lack); "
                    + "'personalive models pull face' fetches them (2.7 MB are kept)")
        }
        let (height, width) = (Float(frame.shape[1]), Float(frame.shape[2]))
        var map = PictureMap(xx: width, xy: 0, x0: 0, yx: 0, yy: height, y0: 0)
        var picture = frame
        if mode == "center" {
            let middle = Face.Region(center: SIMD2(width, height) / 2, side: min(width, height))
            map = Self.map(of: middle, size: 1)
            picture = DrivingFrames.square(frame, size: side)
        }
        let found = isPortrait
            ? finder?.faces(in: frame, atLeast: choice).dropFirst(choice - 1).first
            : follower?.look(at: frame)
        let none = Tensor<Float>(uninitialized: [0, 3])
        let sent = outputs.tensor(for: Self.crop, shape: picture.shape)
        sent.pointer.update(from: picture.pointer, count: picture.count)
        send(
            Cut(
                picture: sent, mesh: found.map { Self.mesh(of: $0, map) } ?? none, map: map,
                isFound: found != nil),
            into: &outputs)
    }

    private func send(_ cut: Cut, into outputs: inout Outputs) {
        outputs[Self.crop] = cut.picture
        outputs[Self.mesh] = cut.mesh
        outputs[Self.found] = Tensor<Float>([cut.isFound ? 1 : 0], shape: [1])
        let map = cut.map
        outputs[Self.transform] = Tensor(
            [map.xx, map.xy, map.x0, map.yx, map.yy, map.y0], shape: [2, 3])
    }
}

extension FaceCropNode {
    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write(held != nil)
        if let held {
            writer.write(held.picture)
            writer.write(held.mesh)
            writer.write([
                held.map.xx, held.map.xy, held.map.x0, held.map.yx, held.map.yy, held.map.y0,
            ])
        }
        let memory = follower?.memory
        writer.write(choice)
        writer.write(memory?.last?.points.flatMap { [$0.x, $0.y, $0.z] } ?? [])
        writer.write(memory?.isInSight ?? false)
        writer.write(memory?.turn ?? 0)
        writer.write((region?.numbers ?? []).map { Int(bitPattern: UInt($0.bitPattern)) })
        writer.write(scene)
        writer.write(gaps.numbers)
        writer.write(hasWarned)
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        if reader.flag() {
            let picture = reader.tensor(UInt8.self), mesh = reader.tensor(Float.self)
            let m = reader.floats()
            held = Cut(
                picture: picture, mesh: mesh,
                map: PictureMap(xx: m[0], xy: m[1], x0: m[2], yx: m[3], yy: m[4], y0: m[5]))
        }
        let isSameChoice = reader.number() == choice
        var memory = FaceFollower.Memory()
        let points = reader.floats()
        if !points.isEmpty {
            memory.last = Face(
                points: stride(from: 0, to: points.count, by: 3).map {
                    SIMD3(points[$0], points[$0 + 1], points[$0 + 2])
                }, certainty: 1)
        }
        memory.isInSight = reader.flag()
        memory.turn = reader.number()
        let numbers = reader.numbers().map { Double(bitPattern: UInt64(UInt(bitPattern: $0))) }
        scene = reader.numbers()
        gaps = FaceGaps(numbers: reader.numbers())
        hasWarned = reader.flag()
        // Another face is to be followed: it may be anywhere.
        guard isSameChoice else { return scene = [] }
        follower?.memory = memory
        region = SteadyRegion(numbers: numbers)
    }
}

/// A portrait in which there is no face, or not as many as were asked for.
package struct NoFace: Error, CustomStringConvertible {
    package let width, height: Int
    package let found, wanted: Int

    package init(width: Int, height: Int, found: Int = 0, wanted: Int = 1) {
        (self.width, self.height, self.found, self.wanted) = (width, height, found, wanted)
    }

    package var description: String {
        if found > 0 {
            return "\(found) \(found == 1 ? "face was" : "faces were") found in the portrait "
                + "(\(width)x\(height)), and 'face: \(wanted)' needs \(wanted): take a smaller number"
        }
        return "no face was found in the portrait (\(width)x\(height)): it needs one from the front, at "
            + "least a twentieth of the picture's side; 'crop: none' of face-crop takes any picture as it is"
    }
}
