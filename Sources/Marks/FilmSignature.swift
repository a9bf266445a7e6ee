import Foundation

/// Signs finished films after the C2PA specification: what made them, and that nothing was changed since.
package enum FilmSignature {
    /// Media types by ending, of the files that C2PA has a place in.
    static let formats = [
        "mp4": "video/mp4", "mov": "video/quicktime", "gif": "image/gif", "png": "image/png",
        "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif",
        "m4v": "video/mp4",
    ]

    /// Writes a file with a signature beside the one without.
    ///
    /// - Parameters:
    ///   - ending: says what the file is: `mp4`.
    ///   - title: the file's name.
    ///   - payload: what the watermark in it says; nil when there is none.
    package static func sign(
        _ source: String, to target: String, ending: String, title: String,
        payload: WatermarkPayload?, variables: (String) -> String? = SigningKeys.variable
    ) throws(SigningError) {
        guard let format = formats[ending] else { throw .noManifest(ending: ending) }
        let library = try C2PALibrary.open(variables)
        guard let folder = SigningKeys.folder(variables) else {
            throw .badKey(path: "PERSONALIVE_KEYS", reason: "neither it nor HOME is set")
        }
        let keys = try SigningKeys(in: folder)
        try library.sign(
            source, to: target, as: format, manifest: manifest(title: title, payload: payload),
            with: keys)
    }

    private struct Manifest: Encodable {
        struct Tool: Encodable {
            var name = "personalive"
            var version = "0.1.0"
        }
        struct Action: Encodable {
            var action = "c2pa.created"
            var digitalSourceType: String
            var softwareAgent = Tool()
        }
        struct Actions: Encodable {
            var label = "c2pa.actions.v2"
            var data: [String: [Action]]
        }
        var claim_generator_info = [Tool()]
        var title: String
        var assertions: [Actions]
    }

    static func manifest(title: String, payload: WatermarkPayload?) -> String {
        let kind = payload?.kind ?? .synthetic
        let actions = Manifest.Actions(
            data: ["actions": [Manifest.Action(digitalSourceType: kind.digitalSourceType)]])
        let bytes = try? JSONEncoder().encode(Manifest(title: title, assertions: [actions]))
        return String(decoding: bytes ?? Data(), as: UTF8.self)
    }
}

extension WatermarkPayload.Kind {
    /// IPTC's term (newscodes, `digitalsourcetype`).
    package var digitalSourceType: String {
        "http://cv.iptc.org/newscodes/digitalsourcetype/"
            + (self == .synthetic
                ? "trainedAlgorithmicMedia" : "compositeWithTrainedAlgorithmicMedia")
    }
}
