import Glibc
import Marks
import Tensors

/// Writes frames as numbered PNGs into a folder of their own: `000000.png` is the first.
///
/// They are put into a draft beside the target, which has to be new or empty, and which the draft
/// replaces in one step at the end.
package final class PictureFolder: FrameWriter {
    package let path: String
    private let draft: Draft
    private let label: AILabel?
    private let marks: FrameMarks
    /// What signs the pictures, made with the first; nil where they are not signed.
    private var signature: FilmSignature?
    private var isSigned: Bool
    private var isClaimed = false
    private var frames = 0
    /// When the first frame is shown, by whichever process: the sign's seconds count from there.
    private var start: Int64?
    private var end: Int64 = 0
    private var size = (width: 0, height: 0)
    private var warnings: [String]
    private var saidSound = false
    private var isFinished = false

    package init(
        path: String, labelsAIGenerated isLabelled: Bool = true,
        marks: MarkOptions = MarkOptions(), owner: String? = nil
    ) throws(MediaError) {
        (self.path, self.marks) = (path, FrameMarks(marks))
        label = isLabelled ? AILabel(marks.kind) : nil
        isSigned = marks.isSigned
        let place: FilePlace
        do throws(FilePlace.Fault) { place = try FilePlace(path) } catch {
            throw .cannotWrite(path: path, reason: error.description, kept: nil)
        }
        if let obstacle = place.folderObstacle {
            throw .cannotWrite(path: path, reason: obstacle, kept: nil)
        }
        do throws(DraftError) {
            draft = try Draft(for: place, owner: owner, isFolder: true)
        } catch { throw .cannotWrite(path: path, reason: error.reason, kept: nil) }
        warnings = draft.leftovers.map { "\($0) of an earlier run is left there, and is not touched" }
    }

    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    package func write(
        _ frame: Tensor<UInt8>, presentation: Int64, duration: Int64
    ) throws(MediaError) {
        try claim()
        let start = self.start ?? presentation
        self.start = start
        if isSigned, signature == nil {
            do { signature = try marks.options.signature(of: "png") } catch { stopSigning(error) }
        }
        do throws(MediaError) {
            let unsigned = try ImageWriter.writeDirectly(
                marks.apply(to: frame, at: presentation - start),
                to: "\(draft.path)/\(Self.name(frames))", label: label, signature: signature)
            if let unsigned { stopSigning(unsigned) }
        } catch {
            guard case .cannotWrite(_, let reason, _) = error else { throw error }
            throw .cannotWrite(path: path, reason: reason, kept: frames > 0 ? draft.path : nil)
        }
        frames += 1
        size = (frame.shape[2], frame.shape[1])
        end = presentation + max(duration, 0)
    }

    private func stopSigning(_ error: SigningError) {
        (isSigned, signature) = (false, nil)
        warnings.append("\(path): pictures are not signed from \(Self.name(frames)) on: \(error)")
    }

    package func write(_ packet: AudioPacket) throws(MediaError) {
        guard !saidSound else { return }
        saidSound = true
        warnings.append("\(path): pictures have no room for sound: it is left out")
    }

    package func savePoint() -> FilmSavePoint? {
        let numbers = [Int64(frames), end, start ?? 0]
        return FilmSavePoint(bytes: numbers.withUnsafeBytes { Array($0) }, missing: 0)
    }

    package func resume(from bytes: [UInt8]) throws(MediaError) {
        guard bytes.count >= 24 else { return }
        try claim()
        let numbers = bytes.withUnsafeBytes { all in
            (0..<3).map { all.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self) }
        }
        let count = Int(numbers[0])
        let last = Self.name(count - 1)
        guard count == 0 || access("\(draft.path)/\(last)", F_OK) == 0 else {
            // The last frame is in its place, if it was finished.
            if access("\(path)\(last)", F_OK) == 0 {
                frames = count
                isFinished = true
                draft.remove()
            } else {
                warnings.append("\(path): what was written before is gone: it begins anew")
            }
            return
        }
        (frames, end) = (count, numbers[1])
        if count > 0 { start = numbers[2] }
    }

    @discardableResult
    package func finish() throws(MediaError) -> FilmSummary {
        let summary = FilmSummary(
            path: path, frames: frames, end: end, width: size.width, height: size.height)
        guard !isFinished else { return summary }
        try claim()
        isFinished = true
        guard frames > 0 else {
            draft.remove()
            throw .nothingToWrite(path: path)
        }
        do throws(DraftError) { try draft.publish() } catch {
            throw .cannotWrite(path: path, reason: error.reason, kept: draft.path)
        }
        return summary
    }

    private func claim() throws(MediaError) {
        guard !isClaimed else { return }
        do throws(DraftError) { try draft.claim() } catch {
            throw .cannotWrite(path: path, reason: error.reason, kept: nil)
        }
        isClaimed = true
    }

    /// Six digits hold nine hours at 30 frames a second; more frames have longer names.
    private static func name(_ number: Int) -> String {
        let digits = String(max(number, 0))
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".png"
    }
}
