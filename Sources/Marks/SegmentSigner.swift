import Foundation

/// Signs a live stream of fragmented mp4 as C2PA's "verifiable segment info" does (C2PA 2.4, 19.4): the
/// header holds a manifest with the public key of a session, and each segment a message that this key has
/// signed.
///
/// Only the header needs the user's key. It belongs to one thread.
package final class SegmentSigner {
    private let keys: SigningKeys
    private let kind: WatermarkPayload.Kind
    private let ingredients: [Ingredient]
    /// Since the last header.
    private var session: (key: KeyPair, name: [UInt8], manifest: String)?

    /// Seconds that a session's key may be used: a stream that goes on for longer needs another header.
    private static let validity: Int64 = 30 * 86_400

    /// - Throws: ``SigningError`` for a key that cannot be used.
    package init(
        kind: WatermarkPayload.Kind, ingredients: [Ingredient] = [], keys: SigningKeys
    ) throws(SigningError) {
        guard keys.isValidNow else { throw .expired(path: keys.folder, end: keys.end) }
        (self.keys, self.kind, self.ingredients) = (keys, kind, ingredients)
    }

    /// Signs with this user's key, as what the run's pictures are made of is known now.
    ///
    /// - Parameter owner: the run's folder, a slash and the node.
    package convenience init(
        kind: WatermarkPayload.Kind, owner: String
    ) throws(SigningError) {
        try self.init(
            kind: kind, ingredients: [Ingredient](notedFor: owner), keys: SigningKeys.own())
    }

    // MARK: The header

    /// A header with a manifest and the key of a new session.
    ///
    /// - Parameter number: of the first segment behind it.
    package func signed(header: [UInt8], from number: Int) throws(SigningError) -> [UInt8] {
        guard let first = BoxList(header).boxes.first, first.isCalled("ftyp"),
            let key = KeyPair.ed25519(), let leaf = keys.leaf?.der
        else { throw .failed(path: "the stream's header", reason: "it does not begin with 'ftyp'") }
        let name = Array(SHA256.bytes(of: key.publicBytes).prefix(8))
        let label = "urn:c2pa:" + UUID().uuidString.lowercased()
        session = (key, name, label)
        let keysAssertion = Self.sessionKeys(key, name, leaf, from: number)
        let instance = "xmp:iid:" + UUID().uuidString.lowercased()
        func make(_ sum: [UInt8]) throws(SigningError) -> [UInt8] {
            let manifest = try store(label, instance, [
                ("c2pa.actions.v2", actions), ("c2pa.hash.bmff.v3", Self.binding(sum)),
                ("c2pa.session-keys", keysAssertion),
                (FilmSignature.ingredientsLabel, ingredients.isEmpty ? nil : made),
            ])
            return Array(header[first.range]) + ManifestStore.fileBox(manifest)
                + header[first.range.upperBound...]
        }
        // Where the boxes stand is part of the sum; its own bytes are not.
        let draft = try make([UInt8](repeating: 0, count: 32))
        let sum = BoxSum.bytes(of: draft) { box in
            box.isCalled("ftyp") || box.isCalled("mfra")
                || box.isCalled("uuid") && draft[box.body].starts(with: ManifestPlace.box)
        }
        let whole = try make(sum)
        guard whole.count == draft.count else {
            throw .failed(path: "the stream's header", reason: "its manifest grew while it was made")
        }
        return whole
    }

    private func store(
        _ label: String, _ instance: String, _ assertions: [(label: String, value: CBOR?)]
    ) throws(SigningError) -> [UInt8] {
        let boxes = assertions.compactMap { assertion in
            assertion.value.map {
                (assertion.label,
                    ManifestStore.write(
                        "cbor", assertion.label, BoxList.make("cbor", $0.encoded)))
            }
        }
        let references = boxes.map { label, box in
            CBOR.object([
                "url": .text("self#jumbf=c2pa.assertions/\(label)"),
                // The sum of a box is one without its length and its kind.
                "hash": .bytes(SHA256.bytes(of: Array(box[8...]))),
            ])
        }
        let claim = CBOR.object([
            "instanceID": .text(instance), "claim_generator_info": Self.tool,
            "signature": .text("self#jumbf=/c2pa/\(label)/c2pa.signature"),
            "created_assertions": .array(references), "dc:title": .text("live stream"),
            "alg": .text("sha256"),
        ]).encoded
        let signature = try keys.signature(over: claim)
        let manifest = ManifestStore.write(
            "c2ma", label,
            ManifestStore.write("c2as", "c2pa.assertions", boxes.flatMap { $0.1 }),
            ManifestStore.write("c2cl", "c2pa.claim.v2", BoxList.make("cbor", claim)),
            ManifestStore.write("c2cs", "c2pa.signature", BoxList.make("cbor", signature.value.encoded)))
        return ManifestStore.write("c2pa", "c2pa", manifest)
    }

    private static let tool = CBOR.object(["name": .text("personalive"), "version": .text("0.1.0")])

    private var actions: CBOR {
        .object([
            "actions": .array([
                .object([
                    "action": .text("c2pa.created"),
                    "digitalSourceType": .text(kind.digitalSourceType), "softwareAgent": Self.tool,
                ])
            ])
        ])
    }

    /// What the stream is made of, as ``FilmSignature`` says it.
    private var made: CBOR {
        .object([
            "ingredients": .array(
                ingredients.map { ingredient in
                    var pairs: [CBOR.Pair] = [
                        .init(key: .text("node"), value: .text(ingredient.node)),
                        .init(key: .text("kind"), value: .text(ingredient.kind)),
                    ]
                    if let sum = ingredient.sha256 {
                        pairs.append(.init(key: .text("sha256"), value: .text(sum)))
                    }
                    if let consent = ingredient.consent {
                        pairs.append(
                            .init(
                                key: .text("consent"),
                                value: .object([
                                    "sha256": .text(consent.sha256), "given": .text(consent.given),
                                    "purpose": .text(consent.purpose),
                                ])))
                    }
                    return .map(pairs)
                })
        ])
    }

    private static func binding(_ sum: [UInt8]) -> CBOR {
        .object([
            "exclusions": .array([
                .object([
                    "xpath": .text("/uuid"),
                    "data": .array([
                        .object(["offset": .number(8), "value": .bytes(ManifestPlace.box)])
                    ]),
                ]), .object(["xpath": .text("/ftyp")]), .object(["xpath": .text("/mfra")]),
            ]), "alg": .text("sha256"), "hash": .bytes(sum), "name": .text("jumbf manifest"),
        ])
    }

    /// C2PA 2.4, 18.25. The session's key signs the certificate of the user's key: a byte string that stands
    /// elsewhere.
    private static func sessionKeys(
        _ key: KeyPair, _ name: [UInt8], _ leaf: [UInt8], from number: Int
    ) -> CBOR {
        var binding = COSESignature(
            protected: .map([
                .init(key: COSESignature.algorithm, value: .number(COSESignature.ed25519))
            ]), payload: nil, signature: [])
        binding.signature = key.sign(binding.signed(CBOR.bytes(leaf).encoded)) ?? []
        // COSE_Key (RFC 9053, 7.2): octet pair, its name, EdDSA, Ed25519, the public key.
        let fields: [(Int64, CBOR)] = [
            (1, .number(1)), (2, .bytes(name)), (3, .number(COSESignature.ed25519)),
            (-1, .number(6)), (-2, .bytes(key.publicBytes)),
        ]
        return .object([
            "keys": .array([
                .object([
                    "key": .map(fields.map { .init(key: .number($0.0), value: $0.1) }),
                    "minSequenceNumber": .number(Int64(number)),
                    // Clocks differ by seconds.
                    "createdAt": .tag(0, .text(Date(timeIntervalSinceNow: -5).formatted(.iso8601))),
                    "validityPeriod": .number(validity), "signerBinding": binding.value,
                ])
            ])
        ])
    }

    // MARK: Segments

    /// A fragment with its segment's number in place of its own: the signed number is to be that one.
    package static func numbered(_ fragment: [UInt8], _ number: Int) -> [UInt8] {
        var fragment = fragment
        for box in BoxList(fragment).boxes where box.isCalled("moof") {
            // `mfhd` is the first in it: flags, then the number.
            let inner = BoxList(fragment[box.body]).boxes.first { $0.isCalled("mfhd") }
            guard let body = inner?.body, body.count == 8 else { continue }
            fragment.replaceSubrange(
                body.lowerBound + 4..<body.upperBound,
                with: BoxList.bytes(UInt32(truncatingIfNeeded: number)))
        }
        return fragment
    }

    /// What comes before the fragments of a segment: its kind, and the signed message. Nothing before the first
    /// header.
    ///
    /// - Parameter duration: nanoseconds.
    package func mark(of fragments: [UInt8], number: Int, duration: Int64) -> [UInt8] {
        guard let session else { return [] }
        func make(_ sum: [UInt8], isDraft: Bool) -> [UInt8] {
            let payload = CBOR.object([
                "sequenceNumber": .number(Int64(number)), "bmffHash": Self.segmentBinding(sum),
                "manifestId": .text(session.manifest),
            ]).encoded
            var message = COSESignature(
                protected: .map([
                    .init(key: COSESignature.algorithm, value: .number(COSESignature.ed25519)),
                    .init(key: .text("iat"), value: .number(time)),
                ]),
                unprotected: .map([.init(key: COSESignature.keyName, value: .bytes(session.name))]),
                payload: payload, signature: [UInt8](repeating: 0, count: 64))
            if !isDraft { message.signature = session.key.sign(message.signed(payload)) ?? [] }
            return Self.kindBox
                + SegmentMessage(
                    milliseconds: UInt32(clamping: duration / 1_000_000),
                    number: UInt32(truncatingIfNeeded: number), data: message.value.encoded
                ).box
        }
        let time = Int64(Date().timeIntervalSince1970)
        let draft = make([UInt8](repeating: 0, count: 32), isDraft: true) + fragments
        return make(SegmentMessage.sum(of: draft), isDraft: false)
    }

    /// A media segment's own box, which readers expect before all others (ISO/IEC 14496-12, 8.16.2).
    private static let kindBox = BoxList.make(
        "styp", Array("msdh".utf8) + [0, 0, 0, 0] + Array("msdh".utf8))

    private static func segmentBinding(_ sum: [UInt8]) -> CBOR {
        .object([
            "exclusions": .array([
                .object([
                    "xpath": .text("/emsg"),
                    "data": .array([
                        .object([
                            "offset": .number(12), "value": .bytes(Array(SegmentMessage.scheme.utf8)),
                        ])
                    ]),
                ])
            ]), "alg": .text("sha256"), "hash": .bytes(sum), "name": .text("jumbf manifest"),
        ])
    }
}
