import CC2PA
import CPosix
import Glibc

/// libc2pa_c, which signs files and checks their signatures. A process opens one, once.
package struct C2PALibrary: Equatable, Sendable {
    package let path: String

    private static let name = "libc2pa_c.so"

    /// Opens the one that `PERSONALIVE_C2PA` names; without it that of `c2pa-python` in `$VIRTUAL_ENV`,
    /// `~/.local` or `/usr/local`.
    package static func open(
        _ variables: (String) -> String? = SigningKeys.variable
    ) throws(SigningError) -> C2PALibrary {
        let path = try find(variables)
        if let problem = c2pa_shim_open(path) {
            defer { free(problem) }
            throw .unusableLibrary(path: path, reason: String(cString: problem))
        }
        return C2PALibrary(path: path)
    }

    static func find(_ variables: (String) -> String?) throws(SigningError) -> String {
        if let named = variables("PERSONALIVE_C2PA") {
            guard access(named, R_OK) == 0 else { throw .noLibrary(named: named) }
            return named
        }
        let environments =
            [variables("VIRTUAL_ENV"), variables("HOME").map { $0 + "/.local" }].compactMap { $0 }
            + ["/usr/local"]
        for environment in environments {
            let pattern = "\(environment)/lib/python3*/*-packages/c2pa/libs/\(name)"
            var found = glob_t()
            defer { globfree(&found) }
            if glob(pattern, 0, nil, &found) == 0, found.gl_pathc > 0 {
                return String(cString: found.gl_pathv[Int(found.gl_pathc) - 1]!)
            }
        }
        throw .noLibrary(named: nil)
    }

    /// Writes a file with a signature.
    ///
    /// - Parameters:
    ///   - source: the file without one; `target` is made, or written over.
    ///   - format: a media type: `video/mp4`.
    ///   - manifest: JSON, as `c2pa_builder_with_definition` takes it.
    package func sign(
        _ source: String, to target: String, as format: String, manifest: String,
        with keys: SigningKeys
    ) throws(SigningError) {
        let from = Glibc.open(source, O_RDONLY | O_CLOEXEC)
        defer { close(from) }
        guard from >= 0 else {
            throw .failed(path: source, reason: String(cString: strerror(errno)))
        }
        let to = Glibc.open(target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        defer { close(to) }
        guard to >= 0 else { throw .failed(path: target, reason: String(cString: strerror(errno))) }
        do throws(SigningError) {
            try sign(from, to: to, named: source, as: format, manifest: manifest, with: keys)
        } catch {
            unlink(target)
            throw error
        }
    }

    /// The same between open files, of which the second can be read, too.
    ///
    /// - Parameter name: what an error calls them.
    package func sign(
        _ from: Int32, to: Int32, named name: String, as format: String, manifest: String,
        with keys: SigningKeys
    ) throws(SigningError) {
        guard keys.isValidNow else { throw .expired(path: keys.folder, end: keys.end) }
        let problem = (keys.certificates + [0]).withUnsafeBufferPointer { certificates in
            (keys.key + [0]).withUnsafeBufferPointer { key in
                keys.algorithm.withCString { algorithm in
                    certificates.withMemoryRebound(to: CChar.self) { certificates in
                        key.withMemoryRebound(to: CChar.self) { key in
                            var signer = c2pa_shim_signer(
                                algorithm: algorithm, certificates: certificates.baseAddress,
                                key: key.baseAddress)
                            return c2pa_shim_sign(from, to, format, manifest, &signer)
                        }
                    }
                }
            }
        }
        if let problem {
            defer { free(problem) }
            throw .failed(path: name, reason: String(cString: problem))
        }
    }

    /// The manifests of a file as JSON, or why there is none.
    package func read(_ path: String, as format: String) -> (text: String, isError: Bool) {
        let from = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard from >= 0 else { return (String(cString: strerror(errno)), true) }
        defer { close(from) }
        return read(from, as: format)
    }

    /// Those of a file's bytes.
    package func read(_ bytes: [UInt8], as format: String) -> (text: String, isError: Bool) {
        let memory = posix_anonymous_file("personalive-header", 0)
        guard memory >= 0 else { return (String(cString: strerror(errno)), true) }
        defer { close(memory) }
        guard write(memory, bytes, bytes.count) == bytes.count else {
            return (String(cString: strerror(errno)), true)
        }
        lseek(memory, 0, SEEK_SET)
        return read(memory, as: format)
    }

    private func read(_ from: Int32, as format: String) -> (text: String, isError: Bool) {
        var failed: Int32 = 0
        guard let text = c2pa_shim_read(from, format, &failed) else { return ("no memory", true) }
        defer { free(text) }
        return (String(cString: text), failed != 0)
    }
}
