import Foundation
import Tensors

/// What a correct F32 implementation may differ from the golden values.
///
/// A fixture records how far F32 PyTorch is from its golden values. Another order of summation gets
/// ten times that relative and twenty times that largest error, each rounded up to 1, 2 or 5 times
/// a power of ten.
package struct Tolerance: Equatable, Sendable {
    let relative: Double
    let largest: Double

    static let exact = Tolerance(relative: 0, largest: 0)

    init(relative: Double, largest: Double) {
        self.relative = relative
        self.largest = largest
    }

    /// - Parameters:
    ///   - key: the golden tensor's, such as `chunk3/video` or `trace/model.conv2`.
    ///   - largestValue: its largest value, for tensors that have no figure of their own.
    init(for key: String, in fixture: Fixture, largestValue: Double) {
        if let sines = Self.sines(key) {
            self = sines
        } else if Self.isExact(key, fixture) {
            self = .exact
        } else if let own = Self.figures[Self.leaf(key)] {
            self = own
        } else if let entry = Self.entry(key, fixture.measured),
            let relative = entry["rel_l2"]?.number, let largest = entry["max_abs"]?.number
        {
            self.init(measuredRelative: relative, largest: largest)
        } else {
            self.init(worstOf: fixture.measured, largestValue: largestValue)
        }
    }

    /// What a fixture's networks may differ besides where their numbers are narrow: twice what was measured,
    /// and for a single element ten times as much of the largest value, a quarter of it at most on the
    /// processor.
    func widened(for fixture: Fixture, largestValue: Double) -> Tolerance {
        let storage = fixture.storage
        guard storage.precision != .float32, self != .exact else { return self }
        let measured = Self.narrow(fixture)
        guard storage.device != .cpu else {
            let allowed = 2 * measured.processor
            return Tolerance(
                relative: max(relative, allowed),
                largest: max(largest, min(0.25, 10 * allowed) * largestValue))
        }
        let allowed = 2 * (storage.precision == .float16 ? measured.half : measured.brain)
        return Tolerance(
            relative: max(relative, allowed), largest: max(largest, 10 * allowed * largestValue))
    }

    /// The worst relative error of any tensor of a network's fixtures: on the device `torch`, as F16 and as
    /// BF16; and as BF16 on a processor that multiplies such (Zen 4; widened weights alone are off by two
    /// thirds of that). Networks that stay F32 on the processor have none there.
    ///
    /// In the streaming loop errors feed back, and a point that falls on the next pixel changes what is
    /// drawn; the fixture of nearly constant inputs magnifies what is left of them.
    private static func narrow(
        _ fixture: Fixture
    ) -> (half: Double, brain: Double, processor: Double) {
        if fixture.inputs["noise"] != nil { return (0.12, 0.39, 8.5e-2) }
        if fixture.isOfRoundedWeights { return (2.8e-2, 0.20, 2.9e-2) }
        return switch fixture.network {
        case "denoising_unet": (4.6e-3, 4.4e-2, 3.3e-2)
        case "reference_unet": (2.2e-3, 1.9e-2, 1.2e-2)
        case "vae": (2.6e-3, 2.0e-2, 1.4e-2)
        case "motion_extractor": (1.5e-3, 2.3e-2, 0)
        case "motion_encoder": (1.9e-3, 1.1e-2, 0)
        case "image_encoder": (1.4e-3, 1.7e-2, 7.5e-3)
        case "pose_guider": (6.9e-4, 5.7e-3, 4.5e-3)
        case "taesd": (9.9e-4, 7.8e-3, 0)
        case "<network>": (3.3e-2, 0.24, 4.2e-2)
        default: (2.6e-3, 2.0e-2, 6.4e-3)
        }
    }

    /// By how much whole numbers may differ: points and boxes by a pixel where the networks that find them
    /// compute with narrow numbers, all others not at all.
    static func wholeNumbers(_ key: String, in fixture: Fixture) -> Double {
        let isNarrow = fixture.storage.device != .cpu && fixture.storage.precision != .float32
        let isPlace = ["drawn_points", "boxes", "reference_box"].contains(leaf(key))
        guard isNarrow, isPlace else { return 0 }
        return fixture.storage.precision == .float16 ? 1 : 4
    }

    private init(measuredRelative relative: Double, largest: Double) {
        self.init(relative: Self.roundedUp(10 * relative), largest: Self.roundedUp(20 * largest))
    }

    /// For a tensor inside a network: the fixture's worst relative figure, and the worst largest
    /// error in proportion to the tensor's own largest value.
    private init(worstOf measured: JSONValue, largestValue: Double) {
        var relative = measured["worst_rel_l2"]?.number ?? 0
        var largest = measured["worst_max_abs"]?.number ?? 0
        for entry in measured.keys.compactMap({ measured[$0] }) {
            relative = max(relative, entry["rel_l2"]?.number ?? 0)
            guard let error = entry["max_abs"]?.number else { continue }
            let ratio =
                largestValue / max(entry["ref_max"]?.number ?? largestValue, .leastNormalMagnitude)
            largest = max(largest, error * ratio)
        }
        self.init(measuredRelative: relative, largest: largest)
    }

    /// Tables of sines that the published program computes in binary32 with its own exponential and
    /// sine, which are right to one unit in the last place: the frequency's, times the largest
    /// position (999 or 15), is what an exactly rounded table differs by. (50 of 1280 time values
    /// differ so; with SLEEF's functions, 35 to 304.) They cannot be exact: PyTorch 2.15 itself, with
    /// the published formulas on another machine, leaves 18 of the 1280 time values different by up
    /// to 2.9e-5, and 246 of the 20480 temporal ones of 1280 channels by up to 9.5e-7.
    private static func sines(_ key: String) -> Tolerance? {
        if key.hasPrefix("table/timestep_embedding") {
            return Tolerance(relative: 1e-5, largest: 1.2e-4)
        }
        return key.hasPrefix("table/temporal_pe") ? Tolerance(relative: 1e-6, largest: 2e-6) : nil
    }

    /// Integers in, integers or single roundings out: no order of summation can change these.
    private static func isExact(_ key: String, _ fixture: Fixture) -> Bool {
        if fixture.file.entries[key].map({ $0.typeName != "F32" }) ?? false { return true }
        if fixture.network.isEmpty && fixture.namespace == "several" { return true }
        if key.hasPrefix("table/") || key.hasPrefix("draw/") { return true }
        return ["preprocessed", "extractor_input"].contains(leaf(key))
    }

    /// Tensors of the streaming loop without figures in its fixtures. The features come from the
    /// pose guider alone and the distance from the tokens alone, so the limits of these hold.
    private static let figures = [
        "pose_features": Tolerance(relative: 5e-6, largest: 5e-5),
        "keyframe_distance": Tolerance(relative: 5e-6, largest: 5e-5),
    ]

    /// The measured figures that belong to a tensor.
    private static func entry(_ key: String, _ measured: JSONValue) -> JSONValue? {
        let whole = key.split(separator: "/").dropFirst().joined(separator: "/")
        let leaf = leaf(key)
        let aliases = ["latents_out": "latents_in", "own_keypoints": "keypoints"]
        for name in [whole, leaf, aliases[leaf] ?? leaf, String(leaf.prefix { $0 != "_" })] {
            if let entry = measured[name] { return entry }
        }
        return nil
    }

    private static func leaf(_ key: String) -> String {
        key.split(separator: "/").last.map(String.init) ?? key
    }

    /// The next 1, 2 or 5 times a power of ten.
    package static func roundedUp(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 0 }
        let exponent = floor(log10(value))
        for step in [1.0, 2.0, 5.0] {
            // By way of decimal text, so that 2e-05 is the very number that people write.
            let candidate = Double("\(Int(step))e\(Int(exponent))") ?? 0
            if value <= candidate * (1 + 1e-9) { return candidate }
        }
        return Double("1e\(Int(exponent) + 1)") ?? 0
    }
}
