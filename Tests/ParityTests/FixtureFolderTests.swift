import Foundation
import Parity
import Testing

/// The quick ones of the published fixtures; `personalive parity` runs them all.
@Suite struct FixtureFolderTests {
    /// `PERSONALIVE_SHARED`, or the folder beside the package.
    static let folder: String = {
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let shared =
            ProcessInfo.processInfo.environment["PERSONALIVE_SHARED"]
            ?? package.appendingPathComponent("../shared").path
        return shared + "/reference/fixtures"
    }()

    @Test(
        .enabled(if: FileManager.default.fileExists(atPath: folder)),
        arguments: [
            "synthetic_vectors", "resize", "keypoints", "mini_motion_extractor",
            "mini_motion_encoder", "mini_pose_guider", "mini_image_encoder", "mini_pipeline",
        ])
    func `published golden values are met`(fixture: String) throws {
        let lines = try ParityRun(folder: Self.folder, filter: fixture)() { _ in }

        #expect(!lines.isEmpty)
        for line in lines { #expect(line.passed, "\(line)") }
    }
}
