/// Makes one clock out of a file's clocks: what begins anew or jumps goes on where it was.
///
/// Recorders that put pieces behind each other restart their clock, broadcasts jump, and 33 bits
/// wrap around. Pictures and sound are moved by the same time, so that they stay together. Pure: it
/// sees decoding times, which never go back in a sound file, in nanoseconds.
package struct FilmClock {
    /// The first break of a clock, for a warning.
    package struct Break: Equatable {
        /// By how much the file's clock went forward, or back if negative.
        package var by: Int64
    }

    /// One stream's clock.
    private struct Track {
        /// Added to the file's times.
        var shift: Int64 = 0
        /// The file's time that should come next.
        var next: Int64?
    }

    /// A stretch of the sound between two breaks of its clock.
    private struct SoundPart {
        /// The shift by which the sound itself goes on without a gap.
        var own: Int64
        /// The true shift; nil until the pictures have come to the same break.
        var shift: Int64?
        /// Until the pictures are here, on their continuous clock, their break is waited for.
        var patience: Int64
    }

    private var pictures = Track()
    /// The sound's time, on the file's clock, that should come next.
    private var sound: Int64?
    private var parts = [SoundPart(own: 0, shift: 0, patience: .min)]
    /// The first break of the pictures' clock.
    package private(set) var firstBreak: Break?
    /// A step forward that no pause in a film explains.
    private let largestPause: Int64

    /// A file's rounding and reordering may take a time back by so much.
    private static let tolerance: Int64 = 100_000_000
    /// Pictures and sound that come to a break by so much after each other come to the same one.
    private static let togetherness: Int64 = 1_000_000_000

    /// - Parameter breaksOften: whether the format is a broadcast's, where a step of ten seconds is no
    ///   pause (FFmpeg's `dts_delta_threshold`); elsewhere a picture may stand for an hour.
    package init(breaksOften: Bool) { largestPause = (breaksOften ? 10 : 3_600) * 1_000_000_000 }

    /// What to add to the times of a packet of pictures.
    package mutating func shift(ofPictures time: Int64, lasting duration: Int64) -> Int64 {
        if let next = pictures.next, let step = step(from: next, to: time) {
            firstBreak = firstBreak ?? Break(by: step)
            pictures.shift -= step
            if let own = unresolved?.own, isSame(own, pictures.shift, after: step) {
                parts[parts.count - 1].shift = pictures.shift
            }
        }
        pictures.next = time + duration
        if let part = unresolved, time + pictures.shift > part.patience {
            parts[parts.count - 1].shift = part.own
        }
        return pictures.shift
    }

    /// In which part of the sound a packet is; ``shift(ofSoundPart:)`` tells its shift.
    package mutating func soundPart(at time: Int64, lasting duration: Int64) -> Int {
        let last = parts.count - 1
        if let next = sound, let step = step(from: next, to: time) {
            let own = (parts[last].shift ?? parts[last].own) - step
            // The pictures may have come to the break before.
            let isKnown = isSame(own, pictures.shift, after: step)
            parts.append(
                SoundPart(
                    own: own, shift: isKnown ? pictures.shift : nil,
                    patience: time + own + Self.togetherness))
        }
        sound = time + duration
        return parts.count - 1
    }

    /// The newest part of the sound, while the pictures have not come to where it begins.
    private var unresolved: SoundPart? { parts.last.flatMap { $0.shift == nil ? $0 : nil } }

    /// Whether two shifts are those of one break: sound and pictures rarely end at the same moment.
    private func isSame(_ one: Int64, _ other: Int64, after step: Int64) -> Bool {
        (one - other).magnitude < min(step.magnitude / 2, UInt64(Self.togetherness))
    }

    /// What to add to the times of a part of the sound; nil until that is known.
    package func shift(ofSoundPart part: Int) -> Int64? { parts[part].shift }

    /// What to add to a part's times when no more pictures come.
    package func finalShift(ofSoundPart part: Int) -> Int64 { parts[part].shift ?? parts[part].own }

    /// How far a clock went off, or nil when it runs as it should.
    private func step(from next: Int64, to time: Int64) -> Int64? {
        let step = time - next
        return step < -Self.tolerance || step > largestPause ? step : nil
    }
}
