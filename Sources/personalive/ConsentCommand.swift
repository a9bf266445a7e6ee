import ArgumentParser
import Foundation
import Marks

/// `personalive consent`: who agreed to the use of a portrait.
struct ConsentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consent",
        abstract: "Writes down, or shows, who agreed to the use of a portrait.",
        subcommands: [New.self, Show.self])

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a signed file beside a picture: who agreed, when and for what.",
            discussion: """
                A graph finds PICTURE.consent by itself; another place is named by 'consent: FILE' of its \
                'image-file'. The file has the picture's SHA-256 and your signature: that it was not \
                changed since can be checked, that the person agreed is your word.

                Exit codes: 0 written, 1 not written, 64 the command line is wrong.
                """)

        @Argument(help: "The picture.", completion: .file())
        var picture: String

        @Option(help: "Who is in the picture and agreed.")
        var person: String

        @Option(help: "What the person agreed to.")
        var purpose: String

        @Option(help: "The file; without it PICTURE.consent. One that is there is not replaced.")
        var output: String?

        func run() throws {
            let path = output ?? ConsentFile.path(besides: picture)
            do {
                let text = try ConsentFile.text(
                    for: picture, person: person, purpose: purpose, keys: SigningKeys.own())
                try Data(text.utf8).write(
                    to: URL(fileURLWithPath: path), options: .withoutOverwriting)
            } catch let error as CocoaError {
                try fail(
                    error.code == .fileWriteFileExists
                        ? "'\(path)' is there already: remove it, or take another --output"
                        : "'\(path)' cannot be written: \(error.localizedDescription)")
            } catch { try fail("\(error)") }
            print(path)
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a consent, and whether it is one to a picture.",
            discussion: "Exit codes: 0 it counts, 1 it does not, 64 the command line is wrong.")

        @Argument(help: "The file.", completion: .file())
        var file: String

        @Argument(help: "The picture that it is to be for.", completion: .file())
        var picture: String?

        func run() throws {
            do {
                let consent = try ConsentFile(contentsOf: file)
                if let picture { try consent.check(isFor: picture, in: file) }
                print("person   \(consent.person)")
                print("purpose  \(consent.purpose)")
                print("given    \(consent.given)")
                print("picture  SHA-256 \(consent.picture)")
                print("signed   by '\(consent.signer)', and not changed since")
            } catch { try fail("\(error)") }
        }
    }
}

private func fail(_ text: String) throws -> Never {
    FileHandle.standardError.write(Data("error: \(text)\n".utf8))
    throw ExitCode(1)
}
