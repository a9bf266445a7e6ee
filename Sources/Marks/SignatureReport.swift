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
        /// Whether its certificate is this user's.
        package var isOwn: Bool
        /// What made the file.
        package var generator: String
        /// How its pictures were made, in IPTC's terms.
        package var sourceTypes: [String]
        /// What they were made of, as this tool says it.
        package var ingredients: [Ingredient] = []
        /// Segments of a stream, each of which is signed by itself; nil of other files.
        package var segments: SegmentReport?
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
        if let film = SegmentedFilm(path) {
            self = Self.of(film, variables)
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
        self = Self.read(variables) { $0.read(path, as: format) } certificate: {
            // The manifest stands at the beginning, or the file is read in vain.
            Self.beginning(of: path).flatMap { ManifestStore(file: $0) }?.leaf
        }
    }

    /// What libc2pa_c says.
    private static func read(
        _ variables: (String) -> String?, _ read: (C2PALibrary) -> (text: String, isError: Bool),
        certificate: () -> [UInt8]?
    ) -> SignatureReport {
        let library: C2PALibrary
        do { library = try C2PALibrary.open(variables) } catch {
            return .unchecked(reason: error.description)
        }
        let answer = read(library)
        guard !answer.isError else { return .unchecked(reason: answer.text) }
        let own = SigningKeys.folder(variables).flatMap { folder -> SigningKeys? in
            // Looking at a film makes no keys.
            FileManager.default.fileExists(atPath: "\(folder)/\(SigningKeys.keyFile)")
                ? try? SigningKeys(in: folder) : nil
        }
        // The number alone can be copied into another certificate.
        let isOwn = own?.leaf.map { $0.der == certificate() } ?? false
        return SignatureReport(json: answer.text, ownSerial: isOwn ? own?.serial : nil)
    }

    /// A stream holds where its headers do, and all of its segments.
    private static func of(
        _ film: SegmentedFilm, _ variables: (String) -> String?
    ) -> SignatureReport {
        var segments = SegmentReport()
        var whole: Details?
        var signer: [UInt8]?
        for part in film.parts {
            let header = part.header()
            segments.check(header: header, files: part.segments)
            guard let store = ManifestStore(file: header) else {
                segments.faults.append("a header has no manifest")
                continue
            }
            let leaf = store.leaf ?? []
            // The report names one signer.
            if leaf != signer ?? leaf {
                segments.faults.append(
                    "a header is signed with another certificate than the first one")
            }
            signer = signer ?? leaf
            let report = read(variables) { $0.read(header, as: "video/mp4") } certificate: { leaf }
            guard case .checked(let details) = report else { return report }
            let faults = (whole?.faults ?? []) + details.faults
            let holds = (whole?.holds ?? true) && details.holds
            whole = whole ?? details
            (whole!.faults, whole!.holds) = (faults, holds)
            whole!.isOwn = whole!.isOwn && details.isOwn
            whole!.isTrusted = whole!.isTrusted && details.isTrusted
            // Another portrait, as one that the studio was sent, has another header.
            let known = whole!.ingredients
            whole!.ingredients += details.ingredients.filter { !known.contains($0) }
        }
        guard var details = whole else {
            return .unchecked(reason: "its segments are signed, and no header has a manifest")
        }
        details.faults += segments.faults
        details.holds = details.holds && segments.faults.isEmpty
        details.segments = segments
        return .checked(details)
    }

    private static func beginning(of path: String) -> [UInt8]? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        return (try? file.read(upToCount: 64 << 20)).map(Array.init)
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
        struct Data: Decodable {
            var actions: [Action]?
            var ingredients: [Ingredient]?
        }
        struct Assertion: Decodable {
            var label: String
            var data: Data?

            enum CodingKeys: CodingKey { case label, data }

            init(from decoder: any Decoder) throws {
                let values = try decoder.container(keyedBy: CodingKeys.self)
                label = try values.decode(String.self, forKey: .label)
                // Assertions of others may hold anything.
                let isKnown =
                    label.hasPrefix("c2pa.actions") || label == FilmSignature.ingredientsLabel
                data = isKnown ? try? values.decode(Data.self, forKey: .data) : nil
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
                    .compactMap(\.digitalSourceType),
                ingredients: (active.assertions ?? []).flatMap { $0.data?.ingredients ?? [] }))
    }
}
