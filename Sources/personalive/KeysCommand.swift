import ArgumentParser
import Foundation
import Marks

/// `personalive keys`: what films are signed with.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Says with which key and certificate films are signed; makes them at first use.",
        discussion: """
            They are key.pem and chain.pem in the folder that PERSONALIVE_KEYS names, else in \
            ~/.config/personalive/keys. To sign with a certificate of an authority, put its key and \
            its chain, the own certificate first, into these files.

            Exit codes: 0 films can be signed, 1 they cannot, 64 the command line is wrong.
            """)

    func run() throws {
        do {
            guard let folder = SigningKeys.folder() else {
                throw SigningError.badKey(
                    path: "PERSONALIVE_KEYS", reason: "neither it nor HOME is set")
            }
            let keys = try SigningKeys(in: folder)
            print("folder       \(keys.folder)")
            print("certificate  \(keys.name), number \(keys.serial), until \(keys.end)")
            print("signs with   \(keys.algorithm)")
            guard keys.isValidNow else {
                throw SigningError.expired(path: keys.folder, end: keys.end)
            }
            print("library      \(try C2PALibrary.open().path)")
        } catch {
            FileHandle.standardError.write(Data("error: films are not signed: \(error)\n".utf8))
            throw ExitCode(1)
        }
    }
}
