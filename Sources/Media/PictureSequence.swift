import CFFmpeg
import Tensors

/// Pictures from files of their own, shown one after the other at an even rate.
///
/// All are scaled to the first one's size. One that cannot be read is left out, unless it is the first.
final class PictureSequence: PictureSource {
    private let paths: [String]
    private let interval: Int64
    /// The next file's place, and how many pictures there were.
    private var next = 0, shown = 0
    private var leftOut: (count: Int, reason: String)?
    private var warnings: [String] = []

    /// - Parameters:
    ///   - paths: the files in order, at least one.
    ///   - rate: pictures a second.
    init(_ paths: [String], rate: Double) {
        self.paths = paths
        interval = Int64((1e9 / rate).rounded())
        warnOfGaps()
    }

    var audioFormat: AudioFormat? { nil }
    var usualInterval: Int64 { interval }
    var estimatedFrames: Int? { paths.count }
    var summary: String { "\(paths.count) files" }

    func orientation(of first: Picture) -> Orientation { Orientation() }

    func nextPicture() throws(MediaError) -> TimedPicture? {
        while next < paths.count {
            let path = paths[next]
            next += 1
            do throws(MediaError) {
                let pixels = try ImageReader.read(path) { warnings.append($0) }
                defer { shown += 1 }
                return TimedPicture(
                    picture: Picture(pixels), time: Int64(shown) * interval, duration: interval)
            } catch {
                guard shown > 0 else { throw error }
                leftOut = ((leftOut?.count ?? 0) + 1, leftOut?.reason ?? error.description)
            }
        }
        return nil
    }

    func takeAudio(until time: Int64) -> AudioPacket? { nil }

    func lastDuration(of picture: TimedPicture, at time: Int64, interval: Int64) -> Int64 {
        self.interval
    }

    func warnIfShort(end: Int64, frames: Int) {
        guard let leftOut, frames < paths.count else { return }
        warn(
            (leftOut.count == 1
                ? "1 picture was left out: "
                : "\(leftOut.count) were left out, the first of them: ")
                + leftOut.reason)
    }

    /// Says so when numbers are missing between the first and the last name.
    private func warnOfGaps() {
        let numbers = paths.compactMap { path in
            path.matches(of: #/[0-9]+/#).last.flatMap { Int($0.output) }
        }
        guard numbers.count == paths.count, let first = numbers.first, let last = numbers.last,
            Set(numbers).count == numbers.count, last - first >= numbers.count,
            let gap = zip(numbers, numbers.dropFirst()).first(where: { $1 != $0 + 1 })
        else { return }
        let missing = last - first + 1 - numbers.count
        warn(
            (missing == 1
                ? "number \(gap.0 + 1) is missing"
                : "\(missing) numbers are missing, the first of them \(gap.0 + 1)")
                + ": what comes behind moves up")
    }

    func warn(_ text: String) {
        let folder = paths[0].lastIndex(of: "/").map { paths[0][..<$0] } ?? "."
        warnings.append("\(folder): \(text)")
    }

    func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }
}
