/// Why a film has no signature.
package enum SigningError: Error, Equatable, CustomStringConvertible {
    /// No libc2pa_c.so anywhere; or not in the file that `PERSONALIVE_C2PA` names.
    case noLibrary(named: String?)
    case unusableLibrary(path: String, reason: String)
    case badKey(path: String, reason: String)
    case expired(path: String, end: String)
    case noManifest(ending: String)
    case failed(path: String, reason: String)

    package var description: String {
        switch self {
        case .noLibrary(nil):
            "libc2pa_c.so was not found: 'pip install c2pa-python' into ~/.local or $VIRTUAL_ENV, or set "
                + "PERSONALIVE_C2PA to its path"
        case .noLibrary(let path?):
            "PERSONALIVE_C2PA=\(path) cannot be read: it has to be the path of libc2pa_c.so"
        case .unusableLibrary(let path, let reason):
            "\(path) cannot be used: \(reason); c2pa-python 0.38 is known to work"
        case .badKey(let path, let reason): "\(path): \(reason)"
        case .expired(let path, let end):
            "the certificate in \(path) is not valid now (it ends \(end)): put another one there, or remove "
                + "the folder for a new one of your own"
        case .noManifest(let ending): "C2PA has no place for a signature in \(ending) files"
        case .failed(let path, let reason): "\(path) could not be signed: \(reason)"
        }
    }
}
