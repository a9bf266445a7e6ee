import COpenSSL
import Glibc

/// Sums of 256 bits (FIPS 180-4), as manifests, consents and the log of runs name files by.
package enum SHA256 {
    package static func bytes(of data: [UInt8]) -> [UInt8] {
        var sum = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        EVP_Digest(data, data.count, &sum, &count, EVP_sha256(), nil)
        return sum
    }

    /// Hexadecimal.
    package static func text(of data: [UInt8]) -> String { hex(bytes(of: data)) }

    /// That of a whole file in hexadecimal; nil when it cannot be read.
    package static func text(ofFile path: String) -> String? {
        // A pipe that nobody writes into would be waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
        else { return nil }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            if count == 0 { break }
            EVP_DigestUpdate(context, buffer, count)
        }
        var sum = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        return EVP_DigestFinal_ex(context, &sum, &count) == 1 ? hex(sum) : nil
    }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
