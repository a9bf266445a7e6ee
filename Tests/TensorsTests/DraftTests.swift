import Foundation
import Glibc
import Tensors
import Testing

/// Files that are written beside their targets and put in their places at the end.
@Suite struct DraftTests {
    private let folder = TemporaryFolder()

    private func file(_ name: String) -> String { folder.path(name) }
    private func write(_ text: String, _ name: String) { try! text.write(toFile: file(name), atomically: false, encoding: .utf8) }
    private func text(_ name: String) -> String? { try? String(contentsOfFile: file(name), encoding: .utf8) }
    private var names: [String] {
        try! FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    private func append(_ text: String, to draft: Draft) throws {
        try Array(text.utf8).withUnsafeBytes { try draft.append($0) }
    }

    @Test func `the target is what it was until the draft is published, and then all that was written`() throws {
        write("old", "a.txt")
        let draft = try Draft(for: FilePlace(file("a.txt")))
        try append("new", to: draft)

        #expect(text("a.txt") == "old")
        try draft.publish()

        #expect(text("a.txt") == "new")
        #expect(names == ["a.txt"])
    }

    @Test func `a file keeps its permissions when it is replaced`() throws {
        write("old", "a.txt")
        chmod(file("a.txt"), 0o600)

        try Draft.write("new".utf8, to: file("a.txt"))

        var status = stat()
        stat(file("a.txt"), &status)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func `through a link the file is replaced that it points to, there or not`() throws {
        write("old", "there.txt")
        symlink("there.txt", file("link"))
        symlink("not-yet.txt", file("dangling"))

        try Draft.write("new".utf8, to: file("link"))
        try Draft.write("new".utf8, to: file("dangling"))

        #expect(text("there.txt") == "new")
        #expect(text("not-yet.txt") == "new")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: file("link")) == "there.txt")
        #expect(names == ["dangling", "link", "not-yet.txt", "there.txt"])
    }

    @Test func `a second writer of a target is refused while the first lives, by whatever name`() throws {
        symlink("a.mp4", file("b.mp4"))
        let first = try Draft(for: FilePlace(file("a.mp4")), owner: "one")

        #expect(throws: DraftError.taken(target: file("a.mp4"), draft: first.path)) {
            _ = try Draft(for: FilePlace(file("b.mp4")), owner: "two")
        }
        #expect(names.count == 2)
    }

    @Test func `what an ended process left is named, and not touched`() throws {
        let left: String
        do {
            let first = try Draft(for: FilePlace(file("a.mp4")), owner: "one")
            try append("half", to: first)
            left = first.path
        }

        let second = try Draft(for: FilePlace(file("a.mp4")), owner: "two")
        try append("whole", to: second)
        try second.publish()

        #expect(second.leftovers == [left])
        #expect(try String(contentsOfFile: left, encoding: .utf8) == "half")
        #expect(text("a.mp4") == "whole")
    }

    @Test func `another process of the same owner goes on with the draft`() throws {
        do { try append("half", to: try Draft(for: FilePlace(file("a.txt")), owner: "one")) }

        let next = try Draft(for: FilePlace(file("a.txt")), owner: "one")
        try next.claim()
        try next.truncate(to: 2)
        try append("!", to: next)
        try next.publish()

        #expect(text("a.txt") == "ha!")
    }

    @Test func `files of the user's with names like a draft's stay`() throws {
        for name in ["a.partial.mp4", "a.partial-12345678.mp4", "a.mp4.partial"] { write("mine", name) }
        let before = names

        let draft = try Draft(for: FilePlace(file("a.mp4")))
        try append("film", to: draft)
        try draft.publish()

        #expect(names == (before + ["a.mp4"]).sorted())
        for name in before { #expect(text(name) == "mine") }
    }

    @Test func `a name as long as names can be has a draft too`() throws {
        let name = String(repeating: "ä", count: 125) + ".mp4"

        try Draft.write("film".utf8, to: file(name))

        #expect(names == [name])
    }

    @Test func `what was put in the target's place meanwhile is not replaced`() throws {
        let draft = try Draft(for: FilePlace(file("a.txt")))
        try append("new", to: draft)
        mkfifo(file("a.txt"), 0o644)

        #expect(throws: DraftError.changed(target: file("a.txt"))) { try draft.publish() }
        draft.remove()

        #expect(names == ["a.txt"])
    }

    @Test func `empty drafts of an ended process go, and others are named`() throws {
        let place = try FilePlace(file("a.mp4"))
        do { _ = try Draft(for: place, owner: "one") }
        #expect(Draft.settle(place, owner: "one", isOver: false) == nil)
        #expect(names == [])
        let full: String
        do {
            let draft = try Draft(for: place, owner: "one")
            try append("half", to: draft)
            full = draft.path
            write("log", (draft.path(of: .packets) as NSString).lastPathComponent)
            #expect(Draft.settle(place, owner: "one", isOver: true) == nil)
            #expect(Draft.holder(of: place) == full)
        }

        #expect(Draft.settle(place, owner: "one", isOver: true) == full)
        #expect(Draft.holder(of: place) == nil)
        #expect(names == [(full as NSString).lastPathComponent])
    }
}
