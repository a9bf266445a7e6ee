import Foundation

/// Signs finished films and pictures after the C2PA specification: what made them, of what, and that nothing
/// was changed since.
package struct FilmSignature: Sendable {
    /// Media types by ending, of the files that C2PA has a place in.
    static let formats = [
        "mp4": "video/mp4", "mov": "video/quicktime", "gif": "image/gif", "png": "image/png",
        "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif",
        "m4v": "video/mp4",
    ]

    private let library: C2PALibrary
    private let keys: SigningKeys
    private let format: String
    private let payload: WatermarkPayload?
    private let ingredients: [Ingredient]

    /// - Parameters:
    ///   - ending: says what the files are: `mp4`.
    ///   - payload: what the watermark in them says; nil when there is none.
    ///   - ingredients: what their pictures are made of.
    package init(
        ending: String, payload: WatermarkPayload?, ingredients: [Ingredient] = [],
        variables: (String) -> String? = SigningKeys.variable
    ) throws(SigningError) {
        guard let format = Self.formats[ending] else { throw .noManifest(ending: ending) }
        library = try C2PALibrary.open(variables)
        keys = try SigningKeys.own(variables)
        (self.format, self.payload, self.ingredients) = (format, payload, ingredients)
    }

    /// Writes a file with a signature beside the one without.
    ///
    /// - Parameter title: the file's name.
    package func sign(_ source: String, to target: String, title: String) throws(SigningError) {
        try library.sign(source, to: target, as: format, manifest: manifest(title), with: keys)
    }

    /// The same between open files, from their beginnings. What is in the target after an error is of no use.
    package func sign(_ source: Int32, to target: Int32, title: String) throws(SigningError) {
        try library.sign(
            source, to: target, named: title, as: format, manifest: manifest(title), with: keys)
    }

    private func manifest(_ title: String) -> String {
        Self.manifest(title: title, payload: payload, ingredients: ingredients)
    }

    /// The name of our own assertion, in which sums and consents are.
    static let ingredientsLabel = "personalive.ingredients"

    private struct Manifest: Encodable {
        struct Tool: Encodable {
            var name = "personalive"
            var version = "0.1.0"
        }
        struct Parameters: Encodable { var ingredientIds: [String] }
        struct Action: Encodable {
            var action = "c2pa.created"
            var digitalSourceType: String
            var softwareAgent = Tool()
            var parameters: Parameters?
        }
        struct Source: Encodable {
            var node, kind: String
            var sha256: String?
            var consent: Ingredient.Agreement?
        }
        struct Data: Encodable {
            var actions: [Action]?
            var ingredients: [Source]?
        }
        struct Assertion: Encodable {
            var label: String
            var data: Data
        }
        /// C2PA's own, which has no place for a sum.
        struct Part: Encodable {
            var title, label, description: String
            var relationship = "inputTo"
        }
        var claim_generator_info = [Tool()]
        var title: String
        var ingredients: [Part]?
        var assertions: [Assertion]
    }

    static func manifest(
        title: String, payload: WatermarkPayload?, ingredients: [Ingredient] = []
    ) -> String {
        let kind = payload?.kind ?? .synthetic
        var action = Manifest.Action(digitalSourceType: kind.digitalSourceType)
        var manifest = Manifest(title: title, assertions: [])
        if !ingredients.isEmpty {
            action.parameters = Manifest.Parameters(ingredientIds: ingredients.map(\.node))
            manifest.ingredients = ingredients.map {
                Manifest.Part(
                    title: $0.node, label: $0.node,
                    description: $0.kind + ($0.sha256.map { ", SHA-256 \($0)" } ?? ""))
            }
            let sources = ingredients.map {
                Manifest.Source(node: $0.node, kind: $0.kind, sha256: $0.sha256, consent: $0.consent)
            }
            manifest.assertions.append(
                Manifest.Assertion(
                    label: ingredientsLabel, data: Manifest.Data(ingredients: sources)))
        }
        manifest.assertions.insert(
            Manifest.Assertion(label: "c2pa.actions.v2", data: Manifest.Data(actions: [action])),
            at: 0)
        let bytes = try? JSONEncoder().encode(manifest)
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
