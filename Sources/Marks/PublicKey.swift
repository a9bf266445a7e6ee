import COpenSSL

/// What signatures are checked with.
final class PublicKey {
    private let pointer: OpaquePointer

    /// Takes the key over.
    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    /// One of Ed25519; nil of what is none.
    convenience init?(ed25519 bytes: [UInt8]) {
        guard bytes.count == 32,
            let pointer = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, 32)
        else { return nil }
        self.init(pointer)
    }

    deinit { EVP_PKEY_free(pointer) }

    /// Whether a signature of ``KeyPair/sign(_:)`` is that of these bytes.
    func holds(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        var detail: OpaquePointer?
        return EVP_DigestVerifyInit(context, &detail, Self.digest(for: pointer), nil, pointer) == 1
            && Self.setPadding(of: detail, for: pointer)
            && EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
    }

    /// SHA-2 as C2PA pairs it with a key (C2PA 2.4, 13.2.1); Ed25519 has its own.
    static func digest(for key: OpaquePointer) -> OpaquePointer? {
        switch (EVP_PKEY_get_base_id(key), EVP_PKEY_get_bits(key)) {
        case (EVP_PKEY_ED25519, _): nil
        case (EVP_PKEY_EC, 384): EVP_sha384()
        case (EVP_PKEY_EC, 521): EVP_sha512()
        default: EVP_sha256()
        }
    }

    static func setPadding(of context: OpaquePointer?, for key: OpaquePointer) -> Bool {
        guard EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA else { return true }
        // The salt is as long as the hash.
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
    }
}
