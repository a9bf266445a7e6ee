import COpenSSL

/// A private key and its public one.
final class KeyPair {
    let pointer: OpaquePointer

    init?(curve: String) {
        guard let pointer = openssl_ec_key(curve) else { return nil }
        self.pointer = pointer
    }

    init?(pem: [UInt8]) {
        let found = pem.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { BIO_free(memory) }
            // An empty password: without it OpenSSL would ask on the terminal.
            return PEM_read_bio_PrivateKey(memory, nil, { _, _, _, _ in 0 }, nil)
        }
        guard let pointer = found else {
            ERR_clear_error()
            return nil
        }
        self.pointer = pointer
    }

    /// A new one for Ed25519 (RFC 8032).
    static func ed25519() -> KeyPair? {
        var seed = [UInt8](repeating: 0, count: 32)
        guard RAND_bytes(&seed, 32) == 1 else { return nil }
        return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, 32).map(KeyPair.init)
    }

    private init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// The public key of Ed25519, 32 bytes.
    var publicBytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(pointer, &bytes, &count) == 1 else { return [] }
        return bytes
    }

    /// A signature as OpenSSL gives it: DER for elliptic curves. RSA is padded as PSS.
    func sign(_ bytes: [UInt8]) -> [UInt8]? {
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var detail: OpaquePointer?
        guard EVP_DigestSignInit(context, &detail, PublicKey.digest(for: pointer), nil, pointer) == 1,
            PublicKey.setPadding(of: detail, for: pointer)
        else { return nil }
        var count = 0
        guard EVP_DigestSign(context, nil, &count, bytes, bytes.count) == 1 else { return nil }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1 else { return nil }
        return Array(signature[..<count])
    }

    var pem: [UInt8]? {
        written { PEM_write_bio_PrivateKey($0, pointer, nil, nil, 0, nil, nil) }
    }

    /// C2PA 2.4, 13.2.1.
    var algorithm: String? {
        switch (EVP_PKEY_get_base_id(pointer), EVP_PKEY_get_bits(pointer)) {
        case (EVP_PKEY_EC, 256): "es256"
        case (EVP_PKEY_EC, 384): "es384"
        case (EVP_PKEY_EC, 521): "es512"
        case (EVP_PKEY_RSA, _): "ps256"
        case (EVP_PKEY_ED25519, _): "ed25519"
        default: nil
        }
    }
}
