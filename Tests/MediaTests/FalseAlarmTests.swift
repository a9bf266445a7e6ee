import Foundation
import Marks
import Media
import Tensors
import Testing

private let unmarkedFilms = (ProcessInfo.processInfo.environment["PERSONALIVE_UNMARKED"] ?? "")
    .split(separator: ":").map(String.init)

/// How often films without the mark look as if they had it: the figure of docs/marks.md.
///
///     PERSONALIVE_UNMARKED=a.mp4:b.mp4 swift test -c release --filter FalseAlarmTests
@Suite(.enabled(if: !unmarkedFilms.isEmpty))
struct FalseAlarmTests {
    /// Each frame is searched for itself, since a film is one search for many frames.
    @Test(.serialized, arguments: unmarkedFilms)
    func `no frame of an unmarked film has the mark`(_ path: String) throws {
        let reader = try VideoReader(path: path)
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        var count = 0, found = 0, best = 0.0
        while let item = try reader.next() {
            guard case .frame = item else { continue }
            try reader.copyFrame(into: frame)
            var detector = WatermarkDetector()
            detector.add(frame)
            let finding = detector.finish()
            count += 1
            found += finding.isFound ? 1 : 0
            best = min(best, finding.logOdds)
        }
        print("\(path): \(count) frames, \(found) false alarms, best odds 10^\(best)")

        #expect(found == 0 && count > 0)
    }
}
