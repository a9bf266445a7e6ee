import Foundation

/// What the signature of a file says, and whether it holds.
package enum SignatureReport: Equatable, Sendable {
    /// There is none.
    case none
    /// There is one, or may be one, that was not checked.
    case unchecked(reason: String)
    case checked(Details)

    package struct Details: Equatable, Sendable {
        /// Whether the file is as it was when it was signed.
        package var holds: Bool
        /// What does not, in C2PA's words: `assertion.bmffHash.mismatch`.
        package var faults: [String]
        /// Whose certificate it is, and who made that.
        package var signer: String, issuer: String
        /// Whether validators know who made it.
        package var isTrusted: Bool
        /// Whether its certificate has the number of this user's, which a forger could copy.
        package var isOwn: Bool
        /// What made the file.
        package var generator: String
        /// How its pictures were made, in IPTC's terms.
        package var sourceTypes: [String]
    }

    /// Reads the signature of a file of this machine.
    ///
    /// libc2pa_c gets files only in which a manifest lies: for others it would ask an address that the
    /// file names.
    package init(of path: String, variables: (String) -> String? = SigningKeys.variable) {
        let ending = path.split(separator: "/").last?.split(separator: ".").last?.lowercased() ?? ""
        guard FileManager.default.fileExists(atPath: path) else {
            self = .unchecked(reason: "it is no file of this machine")
            return
        }
        guard ManifestPlace.isIn(path) else {
            self = .none
            return
        }
        guard let format = FilmSignature.formats[ending] else {
            self = .unchecked(reason: "a '.\(ending)' file is not known to C2PA")
            return
        }
        let library: C2PALibrary
        do { library = try C2PALibrary.open(variables) } catch {
            self = .unchecked(reason: error.description)
            return
        }
        let answer = library.read(path, as: format)
        guard !answer.isError else {
            self = .unchecked(reason: answer.text)
            return
        }
        let own = SigningKeys.folder(variables).flatMap { folder -> SigningKeys? in
            // Looking at a film makes no keys.
            FileManager.default.fileExists(atPath: "\(folder)/\(SigningKeys.keyFile)")
                ? try? SigningKeys(in: folder) : nil
        }
        self.init(json: answer.text, ownSerial: own?.serial)
    }

    private struct Answer: Decodable {
        struct Status: Decodable { var code: String }
        struct Results: Decodable {
            struct Active: Decodable { var failure: [Status]? }
            var activeManifest: Active?
        }
        struct Tool: Decodable {
            var name: String?
            var version: String?
        }
        struct Signature: Decodable {
            var issuer: String?
            var common_name: String?
            var cert_serial_number: String?
        }
        struct Action: Decodable { var digitalSourceType: String? }
        struct Data: Decodable { var actions: [Action]? }
        struct Assertion: Decodable {
            var label: String
            var data: Data?

            enum CodingKeys: CodingKey { case label, data }

            init(from decoder: any Decoder) throws {
                let values = try decoder.container(keyedBy: CodingKeys.self)
                label = try values.decode(String.self, forKey: .label)
                // Assertions of others may hold anything.
                data =
                    label.hasPrefix("c2pa.actions")
                    ? try? values.decode(Data.self, forKey: .data) : nil
            }
        }
        struct Manifest: Decodable {
            var claim_generator: String?
            var claim_generator_info: [Tool]?
            var signature_info: Signature?
            var assertions: [Assertion]?
        }
        var active_manifest: String?
        var manifests: [String: Manifest]?
        var validation_state: String?
        var validation_status: [Status]?
        var validation_results: Results?
    }

    /// - Parameter json: as `c2pa_reader_json` gives it.
    init(json: String, ownSerial: String?) {
        let answer: Answer
        do { answer = try JSONDecoder().decode(Answer.self, from: Data(json.utf8)) } catch {
            self = .unchecked(reason: "what libc2pa_c says of it is not understood: \(error)")
            return
        }
        guard let active = answer.active_manifest.flatMap({ answer.manifests?[$0] }) else {
            self = .unchecked(reason: "it has no active manifest")
            return
        }
        let all =
            (answer.validation_status ?? [])
            + (answer.validation_results?.activeManifest?.failure ?? [])
        let codes = Set(all.map(\.code))
        // A certificate that nobody vouches for is no fault of the file.
        let faults = codes.subtracting(["signingCredential.untrusted"]).sorted()
        let tool = active.claim_generator_info?.first
        let signature = active.signature_info
        self = .checked(
            Details(
                holds: answer.validation_state != "Invalid" && answer.validation_state != nil,
                faults: answer.validation_state == "Invalid" ? faults : [],
                signer: signature?.common_name ?? "", issuer: signature?.issuer ?? "",
                isTrusted: answer.validation_state == "Trusted",
                isOwn: ownSerial != nil && signature?.cert_serial_number == ownSerial,
                generator: [tool?.name, tool?.version].compactMap { $0 }.joined(separator: " "),
                sourceTypes: (active.assertions ?? []).flatMap { $0.data?.actions ?? [] }
                    .compactMap(\.digitalSourceType)))
    }
}
