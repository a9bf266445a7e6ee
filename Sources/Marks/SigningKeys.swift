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

    /// A signature of some bytes by this key, for whoever has its certificate.
    func sign(_ bytes: [UInt8]) -> [UInt8]? { KeyPair(pem: key)?.sign(bytes) }

    /// The certificate of the key.
    var leaf: Certificate? { Certificate(pem: certificates) }

    /// All certificates, that of the key first.
    var chain: [Certificate] {
        let mark = Array("-----BEGIN CERTIFICATE-----".utf8)
        var rest = certificates[...], found: [Certificate] = []
        while let start = rest.firstRange(of: mark) {
            if let certificate = Certificate(pem: Array(rest[start.lowerBound...])) {
                found.append(certificate)
            }
            rest = rest[start.upperBound...]
        }
        return found
    }

    /// Those of the folder of this user, made when there are none.
    package static func own(
        _ variables: (String) -> String? = variable
    ) throws(SigningError) -> SigningKeys {
        guard let folder = folder(variables) else {
            throw .badKey(path: "PERSONALIVE_KEYS", reason: "neither it nor HOME is set")
        }
        return try SigningKeys(in: folder)
    }

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
