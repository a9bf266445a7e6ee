import Foundation
import Networks
import Parity
import Testing

/// The face networks against MediaPipe's own programs (Fixtures/face.py); `make test` fetches their
/// weights.
@Suite struct FaceFixtureTests {
    @Test(
        .enabled(
            if: FaceModel.isThere(FaceModel.folder)
                || ProcessInfo.processInfo.environment["PERSONALIVE_FACE"] == "required"))
    func `the published programs' answers are met`() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures").path
        let lines = try ParityRun(folder: folder, filter: "face")() { _ in }

        #expect(lines.count == 10)
        for line in lines { #expect(line.passed, "\(line)") }
    }
}
