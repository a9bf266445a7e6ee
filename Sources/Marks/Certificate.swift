import COpenSSL

/// An X.509 certificate.
final class Certificate {
    let pointer: OpaquePointer

    init?(pem: [UInt8]) {
        let found = pem.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { BIO_free(memory) }
            return PEM_read_bio_X509(memory, nil, nil, nil)
        }
        guard let pointer = found else {
            ERR_clear_error()
            return nil
        }
        self.pointer = pointer
    }

    /// A new one: a root when nobody issues it, else one for signatures of films (C2PA 2.4,
    /// 14.5.1: a leaf, for digital signatures, of a purpose that validators know).
    init?(
        of key: KeyPair, name: String, days: Int,
        from issuer: (certificate: Certificate, key: KeyPair)?
    ) {
        guard let pointer = X509_new() else { return nil }
        self.pointer = pointer
        var serial: UInt64 = 0
        withUnsafeMutableBytes(of: &serial) { _ = RAND_bytes($0.baseAddress, 8) }
        X509_set_version(pointer, 2)
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(pointer), serial >> 1 | 1)
        // An hour ago: clocks differ.
        X509_gmtime_adj(X509_getm_notBefore(pointer), -3600 - (days < 0 ? 10 * 86400 : 0))
        X509_gmtime_adj(X509_getm_notAfter(pointer), days * 86400)
        X509_set_pubkey(pointer, key.pointer)
        let subject = X509_get_subject_name(pointer)
        for (field, value) in [("O", "personalive"), ("CN", name)] {
            X509_NAME_add_entry_by_txt(subject, field, MBSTRING_FLAG, value, -1, -1, 0)
        }
        let signer = issuer?.certificate.pointer ?? pointer
        X509_set_issuer_name(pointer, X509_get_subject_name(signer))
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, signer, pointer, nil, nil, 0)
        let isRoot = issuer == nil
        var extensions = [
            (NID_basic_constraints, isRoot ? "critical,CA:TRUE" : "critical,CA:FALSE"),
            (NID_key_usage, isRoot ? "critical,keyCertSign" : "critical,digitalSignature"),
            (NID_subject_key_identifier, "hash"),
        ]
        if !isRoot { extensions.append((NID_ext_key_usage, "emailProtection")) }
        // A root has to have its own identifier before this one can name it.
        extensions.append((NID_authority_key_identifier, "keyid"))
        for (kind, value) in extensions {
            guard let made = X509V3_EXT_conf_nid(nil, &context, kind, value) else { return nil }
            X509_add_ext(pointer, made, -1)
            X509_EXTENSION_free(made)
        }
        guard X509_sign(pointer, issuer?.key.pointer ?? key.pointer, EVP_sha256()) > 0 else {
            return nil
        }
    }

    deinit { X509_free(pointer) }

    /// As it stands in signatures.
    var der: [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509(pointer, &bytes)
        defer { CRYPTO_free(bytes, nil, 0) }
        return count > 0 ? Array(UnsafeBufferPointer(start: bytes, count: Int(count))) : []
    }

    var publicKey: PublicKey? { X509_get_pubkey(pointer).map(PublicKey.init) }

    var pem: [UInt8]? { written { PEM_write_bio_X509($0, pointer) } }

    func fits(_ key: KeyPair) -> Bool {
        defer { ERR_clear_error() }
        return X509_check_private_key(pointer, key.pointer) == 1
    }

    var name: String {
        var text = [CChar](repeating: 0, count: 256)
        X509_NAME_get_text_by_NID(
            X509_get_subject_name(pointer), NID_commonName, &text, Int32(text.count))
        return String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    var end: String {
        let bytes = written { ASN1_TIME_print($0, X509_get0_notAfter(pointer)) }
        return String(decoding: bytes ?? [], as: UTF8.self)
    }

    var serial: String {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(pointer), nil) else {
            return ""
        }
        defer { BN_free(number) }
        guard let text = BN_bn2dec(number) else { return "" }
        defer { CRYPTO_free(text, nil, 0) }
        return String(cString: text)
    }

    var isValidNow: Bool {
        X509_cmp_current_time(X509_get0_notBefore(pointer)) < 0
            && X509_cmp_current_time(X509_get0_notAfter(pointer)) > 0
    }
}

/// What a function of OpenSSL writes.
func written(_ write: (OpaquePointer) -> Int32) -> [UInt8]? {
    guard let memory = BIO_new(BIO_s_mem()) else { return nil }
    defer { BIO_free(memory) }
    guard write(memory) == 1 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 1 << 14)
    let count = BIO_read(memory, &bytes, Int32(bytes.count))
    return count >= 0 ? Array(bytes[..<Int(count)]) : nil
}
