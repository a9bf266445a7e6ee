import COpenSSL
import Glibc

/// The key and the certificates that films are signed with: two files in a folder that only its owner
/// can read.
///
/// At first use a key is made, and a root that only signs the certificate of that key: C2PA takes no
/// certificate that signs itself. Nobody else knows that root, so others see that the film was not
/// changed, and not who made it; a certificate of an authority is put into the same two files.
package struct SigningKeys: Equatable, Sendable {
    package let folder: String
    /// PEM: the certificate of the key, then those that signed it.
    package let certificates: [UInt8]
    /// PEM.
    package let key: [UInt8]
    /// C2PA's name of the way to sign: `es256`.
    package let algorithm: String
    /// Whose certificate it is, and until when: `Jan  2 03:04:05 2036 GMT`.
    package let name: String, end: String
    /// The certificate's number, decimal.
    package let serial: String
    package let isValidNow: Bool

    package static let keyFile = "key.pem", chainFile = "chain.pem"

    /// The folder that `PERSONALIVE_KEYS` names, else one in the user's configuration.
    package static func folder(_ variables: (String) -> String? = variable) -> String? {
        if let named = variables("PERSONALIVE_KEYS") { return named }
        if let configuration = variables("XDG_CONFIG_HOME") {
            return configuration + "/personalive/keys"
        }
        return variables("HOME").map { $0 + "/.config/personalive/keys" }
    }

    package static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Those of a folder, which are made when there are none.
    ///
    /// - Throws: ``SigningError/badKey(path:reason:)``.
    package init(in folder: String) throws(SigningError) {
        let paths = (key: "\(folder)/\(Self.keyFile)", chain: "\(folder)/\(Self.chainFile)")
        if access(paths.key, F_OK) != 0 && access(paths.chain, F_OK) != 0 {
            try Self.make(in: folder)
        }
        key = try Self.contents(of: paths.key)
        certificates = try Self.contents(of: paths.chain)
        self.folder = folder
        guard let leaf = Certificate(pem: certificates) else {
            throw .badKey(path: paths.chain, reason: "it does not begin with a certificate in PEM")
        }
        guard let pair = KeyPair(pem: key) else {
            throw .badKey(path: paths.key, reason: "it is no private key in PEM without a password")
        }
        guard leaf.fits(pair) else {
            throw .badKey(
                path: paths.chain, reason: "its first certificate is not that of \(paths.key)")
        }
        guard let algorithm = pair.algorithm else {
            throw .badKey(
                path: paths.key,
                reason: "C2PA signs with RSA, Ed25519, or the curves P-256, P-384, P-521")
        }
        self.algorithm = algorithm
        (name, end, serial, isValidNow) = (leaf.name, leaf.end, leaf.serial, leaf.isValidNow)
    }

    private static func contents(of path: String) throws(SigningError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .badKey(path: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else {
            let reason = count == 0 ? "it is empty" : String(cString: strerror(errno))
            throw .badKey(path: path, reason: reason)
        }
        return Array(bytes[..<count])
    }

    /// Makes both files in a folder of their own, which takes its place in one step: of two processes that
    /// do so at once, both use those of the first.
    ///
    /// - Parameter days: how long the certificate is valid.
    static func make(in folder: String, days: Int = 3650) throws(SigningError) {
        var folder = folder
        while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
        var parent = ""
        for part in folder.split(separator: "/", omittingEmptySubsequences: false).dropLast() {
            parent += part + "/"
            mkdir(parent, 0o700)
        }
        var template = Array("\(folder).XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .badKey(path: folder, reason: String(cString: strerror(errno)))
        }
        let made = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer {
            unlink("\(made)/\(keyFile)")
            unlink("\(made)/\(chainFile)")
            rmdir(made)
        }
        guard let root = KeyPair(curve: "P-256"), let leaf = KeyPair(curve: "P-256"),
            let authority = Certificate(
                of: root, name: "personalive own root", days: days, from: nil),
            let certificate = Certificate(
                of: leaf, name: "personalive, self-made certificate", days: days,
                from: (authority, root)),
            let text = leaf.pem, let first = certificate.pem, let second = authority.pem
        else { throw .badKey(path: folder, reason: "OpenSSL could not make a key") }
        try write(text, to: "\(made)/\(keyFile)")
        try write(first + second, to: "\(made)/\(chainFile)")
        if rename(made, folder) != 0, errno != EEXIST, errno != ENOTEMPTY {
            throw .badKey(path: folder, reason: String(cString: strerror(errno)))
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(SigningError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .badKey(path: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0
        else {
            throw .badKey(path: path, reason: String(cString: strerror(errno)))
        }
    }
}

/// A private key and its public one.
private final class KeyPair {
    let pointer: OpaquePointer

    init?(curve: String) {
        guard let pointer = openssl_ec_key(curve) else { return nil }
        self.pointer = pointer
    }

    init?(pem: [UInt8]) {
        let memory = BIO_new_mem_buf(pem, Int32(pem.count))
        defer { BIO_free(memory) }
        // An empty password: without it OpenSSL would ask on the terminal.
        guard let pointer = PEM_read_bio_PrivateKey(memory, nil, { _, _, _, _ in 0 }, nil) else {
            ERR_clear_error()
            return nil
        }
        self.pointer = pointer
    }

    deinit { EVP_PKEY_free(pointer) }

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

/// An X.509 certificate.
private final class Certificate {
    let pointer: OpaquePointer

    init?(pem: [UInt8]) {
        let memory = BIO_new_mem_buf(pem, Int32(pem.count))
        defer { BIO_free(memory) }
        guard let pointer = PEM_read_bio_X509(memory, nil, nil, nil) else {
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
private func written(_ write: (OpaquePointer) -> Int32) -> [UInt8]? {
    guard let memory = BIO_new(BIO_s_mem()) else { return nil }
    defer { BIO_free(memory) }
    guard write(memory) == 1 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 1 << 14)
    let count = BIO_read(memory, &bytes, Int32(bytes.count))
    return count >= 0 ? Array(bytes[..<Int(count)]) : nil
}
