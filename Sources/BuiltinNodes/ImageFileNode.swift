import Marks
import Media
import NodeKit
import Tensors

/// Sends a picture from a file, once.
package struct ImageFileNode: Node {
    package static let image = Port(
        "image", UInt8.self, "1 h w 3", meaning: "rgb", "the picture, upright")
    package static let path = Setting(
        "path", String.self, type: .inputFile,
        "a picture of any format that FFmpeg reads, HEIC, AVIF or animated WebP")

    package static let consent = Setting(
        "consent", String.self, type: .inputFile, isOptional: true,
        "who agreed to the use of the picture: a file of 'personalive consent new'; without it the one "
            + "beside the picture, PATH.consent")
    package static let needsConsent = Setting(
        "require-consent", Bool.self, default: false, "refuses a picture without such a file")

    package static let spec = NodeSpec(
        "image-file", "Sends a picture from a file, once.", outputs: [image],
        settings: [path, consent, needsConsent], state: .none)

    /// The consent to the picture of a node; nil where there is none.
    ///
    /// - Throws: ``ConsentError`` where it is none, or one is needed and not there.
    package static func consent(for settings: Settings) throws(ConsentError) -> ConsentFile? {
        let picture = settings[path]
        let found = try ConsentFile.find(for: picture, named: settings[ifSet: consent])
        if found == nil, settings[needsConsent] { throw .missing(picture: picture) }
        return found
    }

    private let picture: Tensor<UInt8>
    private var warnings: [String]

    package init(settings: Settings) throws {
        _ = try Self.consent(for: settings)
        var warnings: [String] = []
        picture = try ImageReader.read(settings[Self.path]) { warnings.append($0) }
        self.warnings = warnings
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        for warning in warnings { outputs.warn(warning) }
        warnings = []
        let room = outputs.tensor(for: Self.image, shape: picture.shape)
        room.pointer.update(from: picture.pointer, count: picture.count)
        let stamp = Stamp(frame: 0, captured: MonotonicClock.now, presentation: 0)
        outputs.expect(frames: 1)
        outputs.send(room, on: Self.image, stamp: stamp)
        outputs.finish()
    }
}
