import Layers
import Networks
import NodeKit
import Tensors

/// Changes how strongly a face mesh moves, between `face-crop` and what follows a mesh.
package struct MeshMixerNode: Node {
    package static let mesh = Port(
        "mesh", Float.self, "points 3", meaning: "face-mesh",
        "the driver's face in a square crop; 0 points where none was found")
    package static let second = Port(
        "second-mesh", Float.self, "others 3", meaning: "face-mesh", isOptional: true,
        "of a second driver")
    package static let transform = Port(
        "transform", Float.self, "2 3", meaning: "affine", isOptional: true,
        "from the first driver's crop to his frame, as face-crop gives it: then the head's movements that "
            + "the crop follows are mixed, too; give it to what comes next as well")
    package static let mixed = Port(
        "mesh", Float.self, "points 3", meaning: "face-mesh",
        "the same while every strength is 1 and nothing else is asked for")

    package static let scaleLimit = Setting(
        "scale-limit", Double.self, type: .number(1...4), default: 4,
        "by which factor the head may be larger or smaller than at its neutral; 4 does not limit it"
    ).live()

    package static let spec = NodeSpec(
        "mesh-mixer",
        "Changes how strongly the pose, mouth, eyes and brows of a face mesh move away from its neutral.",
        inputs: [mesh, second, transform], outputs: [mixed], settings: MixerSettings.all + [scaleLimit],
        state: .saved)

    private var control: MixControl
    private var mixer = MeshMixer()
    /// Pixels of the driver's frame that count as one, with a transform: his first crop's side.
    private var unit: Float?
    /// In another one the driver may be anybody.
    private var epoch: UInt32?

    package init(settings: Settings) { control = Self.control(settings) }

    private static func control(_ settings: Settings) -> MixControl {
        var control = MixerSettings.control(settings)
        control.scaleLimit = Float(settings[scaleLimit])
        return control
    }

    package mutating func update(settings: Settings) { control = Self.control(settings) }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let mesh = inputs[Self.mesh]
        if let epoch, epoch != inputs.stamp.epoch { (mixer, unit) = (MeshMixer(), nil) }
        epoch = inputs.stamp.epoch
        // Without a face there is no crop that could give the unit.
        let map = mesh.shape[0] == 0
            ? nil : inputs[ifPresent: Self.transform].map { inFrame(PictureMap($0)) }
        let points = map.map { map in mesh.points.map { map($0) } } ?? mesh.points
        let result = mixer.mix(
            points, with: inputs[ifPresent: Self.second]?.points, control,
            at: Double(inputs.stamp.presentation) / 1e9)
        let mixed = result.mesh.map { mixed in
            guard let back = map?.inverse else { return mixed }
            return mixed.map { back($0) }
        }
        outputs[Self.mixed] = mixed.map { Tensor(keypoints: [$0]).reshaped([$0.count, 3]) } ?? mesh
        if result.isCalibrated {
            outputs.warn(MixerSettings.words(mixer.saved.calibrations[0], control))
        }
    }

    /// From the crop to the frame, in units.
    private mutating func inFrame(_ map: PictureMap) -> PictureMap {
        if unit == nil, map.scale > 1e-6 { unit = map.scale }
        let share = 1 / (unit ?? 1)
        return PictureMap(
            xx: map.xx * share, xy: map.xy * share, x0: map.x0 * share, yx: map.yx * share,
            yy: map.yy * share, y0: map.y0 * share)
    }

    package func save() -> SavedState? {
        var writer = StateWriter()
        let saved = mixer.saved
        saved.neutrals.forEach { writer.write(points: $0) }
        saved.calibrations.forEach { writer.write($0) }
        writer.write(saved.smoother)
        writer.write(epoch.map { Int($0) } ?? -1)
        writer.write(unit.map { [$0] } ?? [])
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        let neutrals = [reader.points(), reader.points()]
        let calibrations = [reader.calibration(), reader.calibration()]
        mixer = MeshMixer(
            neutrals: neutrals, calibrations: calibrations, smoother: reader.doubles())
        let epoch = reader.number()
        self.epoch = epoch < 0 ? nil : UInt32(epoch)
        unit = reader.floats().first
    }
}

extension Tensor<Float> {
    /// The points of a mesh, `[points, 3]`.
    var points: [SIMD3<Float>] { reshaped([1, shape[0], 3]).keypointSets[0] }
}
