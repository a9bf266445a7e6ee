import Foundation
import Testing

@testable import Marks

struct SigningKeysTests {
    private let folder = NSTemporaryDirectory() + "keys-\(UUID().uuidString)"

    private func withFolder(_ body: (String) throws -> Void) rethrows {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func permissions(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func `a key is made at first use, for its owner alone, and then used again`() throws {
        try withFolder { folder in
            let made = try SigningKeys(in: "\(folder)/a/keys")
            let again = try SigningKeys(in: "\(folder)/a/keys")
            let slash = try SigningKeys(in: "\(folder)/b/keys/")

            #expect(made == again)
            #expect(made.algorithm == "es256" && made.isValidNow)
            #expect(made.name == "personalive, self-made certificate" && !made.serial.isEmpty)
            #expect(try permissions("\(folder)/a/keys/key.pem") == 0o600)
            #expect(try permissions("\(folder)/a/keys/chain.pem") == 0o600)
            #expect(try permissions("\(folder)/a/keys") == 0o700)
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/a") == ["keys"])
            #expect(slash.isValidNow)
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/b") == ["keys"])
        }
    }

    @Test func `what is wrong with a key is named`() throws {
        try withFolder { folder in
            _ = try SigningKeys(in: "\(folder)/one")
            _ = try SigningKeys(in: "\(folder)/two")
            func fault(_ change: () throws -> Void) rethrows -> String {
                try change()
                do {
                    _ = try SigningKeys(in: "\(folder)/one")
                    return "none"
                } catch { return "\(error)" }
            }

            let foreign = try fault {
                try FileManager.default.removeItem(atPath: "\(folder)/one/chain.pem")
                try FileManager.default.copyItem(
                    atPath: "\(folder)/two/chain.pem", toPath: "\(folder)/one/chain.pem")
            }
            let noKey = try fault {
                try Data("no key".utf8).write(to: URL(fileURLWithPath: "\(folder)/one/key.pem"))
            }
            let noCertificate = try fault {
                try Data("none".utf8).write(to: URL(fileURLWithPath: "\(folder)/one/chain.pem"))
            }
            let missing = try fault {
                try FileManager.default.removeItem(atPath: "\(folder)/one/key.pem")
            }

            #expect(foreign.contains("its first certificate is not that of"))
            #expect(noKey.contains("it is no private key in PEM"))
            #expect(noCertificate.contains("it does not begin with a certificate"))
            #expect(missing == "\(folder)/one/key.pem: No such file or directory")
        }
    }

    @Test func `a certificate that has expired is seen`() throws {
        try withFolder { folder in
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            try SigningKeys.make(in: "\(folder)/keys", days: -1)

            #expect(try !SigningKeys(in: "\(folder)/keys").isValidNow)
        }
    }

    @Test func `two processes that make keys at once use the same`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let keys = try await withThrowingTaskGroup(of: SigningKeys.self) { group in
            for _ in 0..<4 { group.addTask { try SigningKeys(in: "\(folder)/keys") } }
            return try await group.reduce(into: [SigningKeys]()) { $0.append($1) }
        }

        #expect(keys.allSatisfy { $0 == keys[0] })
    }

    @Test func `the folder is the named one, or in the user's configuration`() {
        func folder(_ variables: [String: String]) -> String? {
            SigningKeys.folder { variables[$0] }
        }

        #expect(folder(["PERSONALIVE_KEYS": "/k", "HOME": "/h"]) == "/k")
        #expect(folder(["XDG_CONFIG_HOME": "/c", "HOME": "/h"]) == "/c/personalive/keys")
        #expect(folder(["HOME": "/h"]) == "/h/.config/personalive/keys")
        #expect(folder([:]) == nil)
    }

    @Test func `a missing library is named with what helps`() throws {
        #expect(throws: SigningError.noLibrary(named: "/none.so")) {
            try C2PALibrary.find { $0 == "PERSONALIVE_C2PA" ? "/none.so" : nil }
        }
        #expect("\(SigningError.noLibrary(named: nil))".contains("pip install c2pa-python"))
        try withFolder { folder in
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            let path = "\(folder)/libc2pa_c.so"
            try Data("no library".utf8).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: SigningError.self) {
                try C2PALibrary.open { $0 == "PERSONALIVE_C2PA" ? path : nil }
            }
            #expect(error?.description.hasPrefix("\(path) cannot be used") == true)
        }
    }
}
