import Foundation
import Media
import Testing

@testable import Marks

/// Films are signed, and what was done to them since is seen. Needs `c2pa-python` in `.build/python`,
/// `$VIRTUAL_ENV` or `~/.local`.
@Suite(.enabled(if: InstalledC2PA.isThere))
struct FilmSignatureTests {
    private let folder = TestFolder()

    /// A signed film, whose keys are in this folder of the test's.
    private func film(
        _ name: String = "a.mp4", keys: String = "keys", ingredients: [Ingredient] = []
    ) throws -> String {
        let path = folder.file(name)
        try Sample.film(folder.file("plain-" + name), count: 5, sound: name.hasSuffix("mp4"))
        try signature(String(name.split(separator: ".").last!), keys: keys, ingredients).sign(
            folder.file("plain-" + name), to: path, title: name)
        return path
    }

    private func signature(
        _ ending: String, keys: String = "keys", _ ingredients: [Ingredient] = []
    ) throws -> FilmSignature {
        try FilmSignature(
            ending: ending, payload: WatermarkPayload(run: 1), ingredients: ingredients,
            variables: InstalledC2PA.variables(keys: folder.file(keys)))
    }

    private func report(_ path: String, keys: String = "keys") -> SignatureReport {
        SignatureReport(of: path, variables: InstalledC2PA.variables(keys: folder.file(keys)))
    }

    private func details(_ path: String, keys: String = "keys") throws -> SignatureReport.Details {
        let report = report(path, keys: keys)
        guard case .checked(let details) = report else {
            Issue.record("\(report)")
            throw CancellationError()
        }
        return details
    }

    @Test(arguments: ["a.mp4", "a.mov", "a.gif"])
    func `a signed film plays, and says what made it`(_ name: String) throws {
        let path = try film(name)

        #expect(try Contents(of: path).frames.count == 5)
        let details = try details(path)
        #expect(details.holds && details.isOwn && !details.isTrusted && details.faults == [])
        #expect(details.generator == "personalive 0.1.0")
        #expect(details.signer == "personalive, self-made certificate")
        #expect(details.sourceTypes.allSatisfy { $0.hasSuffix("/trainedAlgorithmicMedia") })
        #expect(!details.sourceTypes.isEmpty)
    }

    @Test func `a film says what it was made of, and no path of it`() throws {
        let portrait = folder.write("a picture", "my secret name.png")
        let consent = folder.write(
            try ConsentFile.text(
                for: portrait, person: "Ada", purpose: "a talk",
                keys: SigningKeys(in: folder.file("keys"))), "a.consent")
        var picture = Ingredient(node: "portrait", kind: "image-file", path: portrait)
        picture.sha256 = SHA256.text(ofFile: portrait)
        picture.consent = try .init(ConsentFile(contentsOf: consent))
        let camera = Ingredient(node: "camera", kind: "browser-camera")

        let path = try film(ingredients: [picture, camera])

        let details = try details(path)
        #expect(details.holds && details.faults == [])
        #expect(details.ingredients.map(\.node) == ["portrait", "camera"])
        #expect(details.ingredients[0].sha256 == SHA256.text(of: Array("a picture".utf8)))
        #expect(details.ingredients[0].consent?.purpose == "a talk")
        #expect(details.ingredients[0].consent?.sha256 == SHA256.text(ofFile: consent))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        for word in ["secret", "Ada", folder.path] {
            #expect(bytes.range(of: Data(word.utf8)) == nil, "\(word) is in the film")
        }
    }

    @Test func `an ingredient that was changed since the run began has no sum`() throws {
        let path = folder.write("one", "a.mp4")
        let ingredient = Ingredient(node: "camera", kind: "video-file", path: path)
        try [Ingredient].note(["film": [ingredient]], in: folder.path)
        func sums() -> [String?] {
            [Ingredient](notedFor: "\(folder.path)/film").map(\.sha256)
        }

        let before = sums()
        _ = folder.write("other", "a.mp4")

        #expect(before == [SHA256.text(of: Array("one".utf8))] && sums() == [nil])
        #expect([Ingredient](notedFor: "\(folder.path)/other").isEmpty)
        #expect([Ingredient](notedFor: nil).isEmpty)
    }

    @Test func `pictures are signed, and small`() throws {
        let path = folder.file("a.png")
        try ImageWriter.write(Sample.frame(width: 256, height: 256), to: folder.file("plain.png"))
        let plain = try Array(Data(contentsOf: URL(fileURLWithPath: folder.file("plain.png"))))

        let unsigned = try ImageWriter.write(plain, to: path, signature: signature("png"))

        #expect(unsigned == nil)
        #expect(try details(path).holds && ImageReader.read(path).shape == [1, 256, 256, 3])
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(bytes.count - plain.count < 6000, "no thumbnail: \(bytes.count)")
        let data = try #require(bytes.range(of: Data("IDAT".utf8)))
        bytes[data.upperBound + 10] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(try !details(path).holds)
    }

    @Test func `a picture that cannot be signed is there all the same`() throws {
        try SigningKeys.make(in: folder.file("keys"), days: -1)
        try ImageWriter.write(Sample.frame(), to: folder.file("plain.png"))
        let plain = try Array(Data(contentsOf: URL(fileURLWithPath: folder.file("plain.png"))))

        let unsigned = try ImageWriter.write(
            plain, to: folder.file("a.png"), signature: signature("png"))

        guard case .expired? = unsigned else {
            Issue.record("\(String(describing: unsigned))")
            return
        }
        #expect(try ImageReader.read(folder.file("a.png")).array == Sample.frame().array)
        #expect(report(folder.file("a.png")) == .none)
    }

    @Test func `a changed film is found out`() throws {
        let path = try film()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let pictures = try #require(bytes.range(of: Data("mdat".utf8)))
        bytes[pictures.upperBound + 200] ^= 0xff
        try bytes.write(to: URL(fileURLWithPath: path))

        let details = try details(path)

        #expect(!details.holds && details.faults.contains("assertion.bmffHash.mismatch"))
    }

    @Test func `a film whose manifest was taken out has none`() throws {
        let path = try film()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let word = try #require(bytes.range(of: Data("uuid".utf8)))
        bytes.replaceSubrange(word, with: Data("free".utf8))
        try bytes.write(to: URL(fileURLWithPath: path))

        #expect(report(path) == .none)
        #expect(report(folder.file("plain-a.mp4")) == .none)
    }

    @Test func `another's film holds and is not ours`() throws {
        let path = try film(keys: "others")

        let details = try details(path, keys: "keys")

        #expect(details.holds && !details.isOwn)
        #expect(!FileManager.default.fileExists(atPath: folder.file("keys")))
    }

    @Test func `a damaged manifest is named`() throws {
        let path = try film()
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let place = try #require(whole.range(of: Data("jumb".utf8)))
        var broken = 0
        for offset in stride(from: 0, to: 3000, by: 101) {
            var bytes = whole
            bytes[place.lowerBound + offset] ^= 0x55
            try bytes.write(to: URL(fileURLWithPath: path))

            switch report(path) {
            case .none: Issue.record("byte \(offset): no manifest")
            case .unchecked(let reason):
                #expect(!reason.isEmpty)
                broken += 1
            // Padding is not covered by the signature.
            case .checked(let details): broken += details.holds ? 0 : 1
            }
        }
        #expect(broken > 0)
        try whole[..<(place.lowerBound + 40)].write(to: URL(fileURLWithPath: path))
        guard case .unchecked = report(path) else {
            Issue.record("a cut manifest: \(report(path))")
            return
        }
    }

    @Test func `an expired certificate signs nothing`() throws {
        try SigningKeys.make(in: folder.file("keys"), days: -1)

        do {
            _ = try film()
            Issue.record("it was signed")
        } catch SigningError.expired(let path, _) { #expect(path == folder.file("keys")) }

        #expect(!FileManager.default.fileExists(atPath: folder.file("a.mp4")))
    }

    @Test func `a full disk is named, and the film stays as it was`() throws {
        try Sample.film(folder.file("a.mp4"), count: 5)
        let before = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.mp4")))
        let disk = folder.file("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        // Only root may mount.
        guard mount("tmpfs", disk, "tmpfs", 0, "size=4k") == 0 else { return }
        defer { umount(disk) }

        #expect(throws: SigningError.self) {
            try signature("mp4").sign(folder.file("a.mp4"), to: disk + "/a.mp4", title: "a")
        }

        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("a.mp4"))) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk) == [])
    }

    @Test func `a file for which there is no place is named`() {
        #expect(throws: SigningError.noManifest(ending: "mkv")) {
            try signature("mkv")
        }
    }
}

/// The library that the tests' Python has, or the user's own.
enum InstalledC2PA {
    static let isThere = (try? C2PALibrary.open(variables(keys: ""))) != nil

    static func variables(keys: String) -> (String) -> String? {
        let python = "\(FileManager.default.currentDirectoryPath)/.build/python"
        return { name in
            switch name {
            case "VIRTUAL_ENV" where FileManager.default.fileExists(atPath: python): python
            case "PERSONALIVE_KEYS": keys
            default: SigningKeys.variable(name)
            }
        }
    }
}
