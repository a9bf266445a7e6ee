import CZeroMQ

/// A key pair of one node for one run: who has the public half can tell that it is this node, and
/// only this node can read what is written for it.
///
/// It is Curve25519's, in ZeroMQ's Z85 text of 40 characters. The secret half is in no description,
/// so that it gets into no log.
package struct CurveKeys: Sendable, Equatable, Codable {
    package let publicKey: String
    let secretKey: String

    private enum CodingKeys: String, CodingKey {
        case publicKey = "public"
        case secretKey = "secret"
    }

    /// Makes a fresh pair from the system's random numbers.
    package init() throws {
        guard zmq_has("curve") == 1 else {
            throw WireError("this machine's libzmq has no CURVE: nothing can leave the machine safely")
        }
        var (open, secret) = ([CChar](repeating: 0, count: 41), [CChar](repeating: 0, count: 41))
        guard zmq_curve_keypair(&open, &secret) == 0 else {
            throw WireError(call: "zmq_curve_keypair", "")
        }
        publicKey = Self.text(open)
        secretKey = Self.text(secret)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The text of a key's 32 bytes.
    static func text(of bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count == 32 else { return nil }
        var characters = [CChar](repeating: 0, count: 41)
        let start = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
        return zmq_z85_encode(&characters, start, 32).map { _ in text(characters) }
    }
}

extension CurveKeys: CustomStringConvertible, CustomReflectable {
    package var description: String { "key \(publicKey)" }
    package var customMirror: Mirror { Mirror(self, children: ["publicKey": publicKey]) }
}
