import Foundation
import Models
import Testing

@Suite struct FacePullTests {
    private let folder = TemporaryFolder()

    @Test func `another file than the wheel is refused by its sum, and nothing is left`() throws {
        let wheel = folder.path + "/other.whl", target = folder.path + "/face"
        try Data("no wheel".utf8).write(to: URL(fileURLWithPath: wheel))

        let error = #expect(throws: PullError.self) { try FacePull(folder: target)(wheel: wheel) }

        #expect("\(error!)".hasPrefix("other.whl arrived damaged: its SHA-256 is "))
        #expect(try FileManager.default.contentsOfDirectory(atPath: target).isEmpty)
        #expect(!FacePull.isWhole(target))
    }

    @Test func `a python that is not there is named with what to do`() throws {
        let pull = FacePull(folder: folder.path + "/face", python: "no-such-python")

        let error = #expect(throws: PullError.self) { try pull() }

        #expect("\(error!)".contains("apt install python3-pip"))
    }
}
