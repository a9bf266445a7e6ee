/// A signature of one key after COSE (RFC 9052, 4.2), as C2PA writes it: with its tag.
struct COSESignature {
    /// The protected header as it was signed, and the other one.
    var protected: [UInt8]
    var unprotected: CBOR
    /// Nil where it stands elsewhere.
    var payload: [UInt8]?
    var signature: [UInt8]

    private static let tag: UInt64 = 18
    /// Numbers of the header's fields.
    static let algorithm = CBOR.number(1), keyName = CBOR.number(4), chain = CBOR.number(33)
    /// COSE's number of Ed25519.
    static let ed25519: Int64 = -8

    init(protected: CBOR, unprotected: CBOR = .map([]), payload: [UInt8]?, signature: [UInt8]) {
        (self.protected, self.unprotected) = (protected.encoded, unprotected)
        (self.payload, self.signature) = (payload, signature)
    }

    init?(_ value: CBOR) {
        guard let parts = value.tagged(Self.tag)?.asArray, parts.count == 4,
            let protected = parts[0].asBytes, let signature = parts[3].asBytes
        else { return nil }
        (self.protected, unprotected) = (protected, parts[1])
        (payload, self.signature) = (parts[2].asBytes, signature)
    }

    var value: CBOR {
        .tag(
            Self.tag,
            .array([
                .bytes(protected), unprotected, payload.map { .bytes($0) } ?? .null,
                .bytes(signature),
            ]))
    }

    var header: CBOR? { CBOR(protected) }

    /// What is signed, with a payload that stands elsewhere.
    func signed(_ payload: [UInt8]) -> [UInt8] {
        CBOR.array([.text("Signature1"), .bytes(protected), .bytes([]), .bytes(payload)]).encoded
    }

    /// Whether it is that of a session's key over a payload.
    func holds(for key: PublicKey, over payload: [UInt8]) -> Bool {
        header?[Self.algorithm]?.asNumber == Self.ed25519
            && key.holds(signature, of: signed(payload))
    }
}

extension SigningKeys {
    /// COSE's number of ``algorithm`` (IANA, COSE Algorithms).
    private var number: Int64 {
        ["es256": -7, "es384": -35, "es512": -36, "ps256": -37][algorithm] ?? COSESignature.ed25519
    }

    /// A signature whose payload stands elsewhere, with the certificates.
    func signature(over payload: [UInt8]) throws(SigningError) -> COSESignature {
        let chain = self.chain.map { CBOR.bytes($0.der) }
        let header = CBOR.map([
            .init(key: COSESignature.algorithm, value: .number(number)),
            .init(key: COSESignature.chain, value: chain.count == 1 ? chain[0] : .array(chain)),
        ])
        var signature = COSESignature(protected: header, payload: nil, signature: [])
        guard let made = sign(signature.signed(payload)), let bytes = raw(made) else {
            throw .badKey(path: folder, reason: "OpenSSL could not sign with it")
        }
        signature.signature = bytes
        return signature
    }

    /// Two numbers of a fixed length each, where OpenSSL makes DER of them (RFC 9053, 2.1).
    private func raw(_ signature: [UInt8]) -> [UInt8]? {
        guard let side = ["es256": 32, "es384": 48, "es512": 66][algorithm] else { return signature }
        var place = signature.count > 1 && signature[1] >= 0x80 ? 3 : 2
        var bytes: [UInt8] = []
        for _ in 0..<2 {
            guard place + 2 <= signature.count, signature[place] == 2 else { return nil }
            let end = place + 2 + Int(signature[place + 1])
            guard end <= signature.count else { return nil }
            let number = Array(signature[place + 2..<end].drop { $0 == 0 })
            guard number.count <= side else { return nil }
            bytes += [UInt8](repeating: 0, count: side - number.count) + number
            place = end
        }
        return bytes
    }
}
