import Foundation
import Testing

@testable import Studio

/// Portraits that pages send.
@Suite struct PortraitsTests {
    private static let png = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0])

    private func withFolder(_ body: (Portraits, String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("pl-portraits-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(Portraits(run: folder), folder)
    }

    @Test func `what is sent gets a name of the studio's, and is for its user alone`() throws {
        try withFolder { portraits, folder in
            let name = try portraits.keep(Self.png)

            #expect(name.hasPrefix("portrait-") && name.hasSuffix(".png"))
            #expect(portraits.list().map(\.type) == ["image/png"])
            let mode = try FileManager.default.attributesOfItem(atPath: portraits.path(of: name))
            #expect((mode[.posixPermissions] as? Int) == 0o600)
            #expect(try portraits.contents(of: name).data == Self.png)
        }
    }

    @Test(arguments: ["<svg/>", "GIF89a      ", "", "#!/bin/sh\nrm -rf /\n"])
    func `what is no picture is not kept`(text: String) throws {
        try withFolder { portraits, _ in
            #expect(throws: StudioError.self) { try portraits.keep(Data(text.utf8)) }
            #expect(portraits.list().isEmpty)
        }
    }

    @Test func `20 MB are the most`() throws {
        try withFolder { portraits, _ in
            #expect(throws: StudioError.tooLarge(limit: 20 << 20)) {
                try portraits.keep(Self.png + Data(count: 20 << 20))
            }
        }
    }

    @Test(arguments: ["../name", "/etc/passwd", "portraits/../../name", "original.path", "", "%2e%2e"])
    func `no name leads out of the folder`(name: String) throws {
        try withFolder { portraits, folder in
            try Data("secret".utf8).write(to: URL(fileURLWithPath: "\(folder)/name"))
            portraits.remember(original: "/etc/passwd")

            #expect(throws: StudioError.self) { try portraits.path(of: name) }
        }
    }

    @Test func `the one that the graph began with stays the first`() throws {
        try withFolder { portraits, folder in
            let first = "\(folder)/me.png"
            try Self.png.write(to: URL(fileURLWithPath: first))

            portraits.remember(original: first)
            let name = try portraits.keep(Self.png)
            portraits.remember(original: try portraits.path(of: name))

            #expect(portraits.list().map(\.name) == ["original", name])
            #expect(try portraits.path(of: "original") == first)
            #expect(portraits.name(of: .text(first)) == "original")
        }
    }
}
