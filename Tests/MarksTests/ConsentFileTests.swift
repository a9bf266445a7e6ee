import Foundation
import Testing

@testable import Marks

/// Who agreed to a portrait is in a signed file, and what was done to that since is seen.
struct ConsentFileTests {
    private let folder: String
    private let keys: SigningKeys
    private var picture: String { folder + "/me.png" }

    init() throws {
        folder = NSTemporaryDirectory() + "consent-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        keys = try SigningKeys(in: folder + "/keys")
        try Data("a picture".utf8).write(to: URL(fileURLWithPath: folder + "/me.png"))
    }

    private func done() { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ text: String, _ name: String = "me.consent") throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        return "\(folder)/\(name)"
    }

    private func text(_ person: String = "Ada", _ purpose: String = "a talk") throws -> String {
        try ConsentFile.text(
            for: picture, person: person, purpose: purpose,
            given: Date(timeIntervalSince1970: 0), keys: keys)
    }

    @Test func `it says who, when, for what and for which picture`() throws {
        defer { done() }
        let path = try write(text("Ada\n Lovelace\u{1b}[2J", "a talk: online"))

        let consent = try ConsentFile(contentsOf: path)

        #expect(consent.person == "Ada Lovelace [2J" && consent.purpose == "a talk: online")
        #expect(consent.given == "1970-01-01T00:00:00Z")
        #expect(consent.picture == SHA256.text(of: Array("a picture".utf8)))
        #expect(consent.signer == "personalive, self-made certificate")
        #expect(try ConsentFile.find(for: picture, named: path) == consent)
        #expect(try ConsentFile.find(for: picture, named: nil) == nil)
    }

    /// Keys of every kind that C2PA knows sign it.
    @Test(arguments: ["ED25519", "RSA", "EC -pkeyopt ec_paramgen_curve:P-384"])
    func `it is signed by any kind of key`(_ kind: String) throws {
        defer { done() }
        let own = folder + "/own"
        let command = """
            mkdir \(own) && openssl genpkey -algorithm \(kind) -out \(own)/key.pem 2>/dev/null && \
            openssl req -x509 -new -key \(own)/key.pem -subj /CN=own -days 9 -out \(own)/chain.pem
            """
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", command]
        try shell.run()
        shell.waitUntilExit()
        try #require(shell.terminationStatus == 0)

        let path = try write(
            ConsentFile.text(
                for: picture, person: "Ada", purpose: "x", keys: SigningKeys(in: own)))

        #expect(try ConsentFile(contentsOf: path).signer == "own")
    }

    @Test func `a file that was changed, cut off or never a consent does not count`() throws {
        defer { done() }
        let whole = try text()
        func fault(_ text: String) throws -> String {
            do {
                _ = try ConsentFile(contentsOf: write(text))
                return "none"
            } catch let error as ConsentError { return error.description }
        }

        #expect(try fault(whole) == "none")
        #expect(
            try fault(whole.replacing("person: Ada", with: "person: Eve")).contains(
                "it was changed since it was signed"))
        #expect(try fault(String(whole.prefix(120))).contains("it has no signature"))
        #expect(try fault(String(whole.dropLast(100))).contains("its signature cannot be read"))
        #expect(try fault("hello").contains("is no consent to a picture"))
        #expect(
            throws: ConsentError.unreadable(path: "/nothing/here"),
            performing: { try ConsentFile(contentsOf: "/nothing/here") })
    }

    /// Single bytes of the signed lines: none goes unnoticed.
    @Test func `no byte of its lines can be changed`() throws {
        defer { done() }
        let whole = Array(try text().utf8)
        let end = try #require(whole.firstRange(of: Array("\nsignature: ".utf8))).lowerBound
        for place in 0..<end {
            var bytes = whole
            bytes[place] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/me.consent"))
            #expect(throws: ConsentError.self, "byte \(place)") {
                try ConsentFile(contentsOf: folder + "/me.consent")
            }
        }
    }

    @Test func `one for another picture is refused, and the one beside the picture is found`() throws
    {
        defer { done() }
        let named = try write(text())
        try Data("another".utf8).write(to: URL(fileURLWithPath: picture))

        do {
            _ = try ConsentFile.find(for: picture, named: named)
            Issue.record("it was taken")
        } catch {
            #expect("\(error)".contains("is for another picture"))
            #expect(error.remedy(for: "me.png").hasPrefix("personalive consent new me.png"))
        }
        _ = try write(text("Eve"), "me.png.consent")
        #expect(try ConsentFile.find(for: picture, named: named)?.person == "Eve")
        #expect(try ConsentFile.find(for: picture, named: nil)?.person == "Eve")
    }

    @Test func `nobody, and a picture that is not there, have no consent`() throws {
        defer { done() }
        #expect(throws: ConsentError.badWords(name: "person", longest: 500)) { try text(" \n") }
        #expect(throws: ConsentError.badWords(name: "purpose", longest: 500)) {
            try text("Ada", String(repeating: "x", count: 501))
        }
        try FileManager.default.removeItem(atPath: picture)
        #expect(throws: ConsentError.unreadable(path: picture)) { try text() }
    }
}
