import COpenSSL

/// A hash of bytes that arrive piece by piece, as a hub names them.
///
/// The only file that speaks to libcrypto, which every process of this tool has loaded anyway (FFmpeg
/// brings it): SHA-256 there uses the processor's instructions, and nothing has to be built for it.
final class Digest {
    private let context: OpaquePointer
    /// How many bytes it has seen.
    private(set) var byteCount = 0

    private init(_ algorithm: OpaquePointer?) {
        context = EVP_MD_CTX_new()
        EVP_DigestInit_ex(context, algorithm, nil)
    }

    deinit { EVP_MD_CTX_free(context) }

    /// SHA-256 of the bytes themselves.
    static func sha256() -> Digest { Digest(EVP_sha256()) }

    /// The hash that is called `etag`, or nil where it is of no known kind.
    ///
    /// - Parameter size: of the whole file, which Git hashes first.
    static func matching(etag: String, size: Int?) -> Digest? {
        guard etag.allSatisfy(\.isHexDigit) else { return nil }
        if etag.count == 64 { return sha256() }
        guard etag.count == 40, let size else { return nil }
        let digest = Digest(EVP_sha1())
        let prefix = Array("blob \(size)\0".utf8)
        prefix.withUnsafeBytes { digest.update($0) }
        digest.byteCount = 0
        return digest
    }

    func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        byteCount += bytes.count
    }

    /// The hash in small hexadecimal digits; nothing can be added after it.
    func finish() -> String {
        var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        EVP_DigestFinal_ex(context, &bytes, &count)
        return bytes.prefix(Int(count)).map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
