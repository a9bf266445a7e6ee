import Foundation
import Models
import Networks
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

    @Test func `a folder of an earlier pull is not whole, and is told from an empty one`() throws {
        let target = folder.path + "/face"
        try FileManager.default.createDirectory(
            atPath: target, withIntermediateDirectories: true)
        #expect(FaceModel.lack(of: target) == "there are no face networks in '\(target)'")
        for file in ["LICENSE", FaceModel.detectorFile, "face_landmark.safetensors"] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(target)/\(file)"))
        }

        #expect(!FacePull.isWhole(target) && !FaceModel.isThere(target))
        let lack = try #require(FaceModel.lack(of: target))
        #expect(lack.hasPrefix("the face networks in '\(target)' are an earlier version's"))
        #expect(lack.hasSuffix("there is no 'face_landmark_with_attention.safetensors'"))
    }

    @Test func `a python that is not there is named with what to do`() throws {
        let pull = FacePull(folder: folder.path + "/face", python: "no-such-python")

        let error = #expect(throws: PullError.self) { try pull() }

        #expect("\(error!)".contains("apt install python3-pip"))
    }
}
