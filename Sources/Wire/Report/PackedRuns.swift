/// Runs of frames that nothing is added to any more, a few bytes each: how many frames lie between a run
/// and the one before it, and how many it has, seven bits of a number in a byte.
struct PackedRuns: Sendable {
    private(set) var bytes: [UInt8] = []
    /// The frame after the last of them.
    private(set) var end: UInt64 = 0

    init() {}

    init(bytes: [UInt8], end: UInt64) { (self.bytes, self.end) = (bytes, end) }

    /// What another program has packed; nil when it is damaged, or has a frame of `limit` or above.
    init?(checking bytes: [UInt8], below limit: UInt64) {
        var (at, end, isFirst) = (0, UInt64(0), true)
        while at < bytes.count {
            var (number, shift) = (UInt64(0), UInt64(0))
            repeat {
                guard at < bytes.count, shift < 56 else { return nil }
                number |= UInt64(bytes[at] & 127) << shift
                (shift, at) = (shift + 7, at + 1)
            } while bytes[at - 1] > 127
            // Runs that touch are one.
            guard !isFirst || number > 0 || end == 0 else { return nil }
            end += number + (isFirst ? 0 : 1)
            guard end <= limit else { return nil }
            isFirst.toggle()
        }
        guard isFirst else { return nil }
        self.init(bytes: bytes, end: end)
    }

    var isEmpty: Bool { bytes.isEmpty }

    /// Adds the run of `first` to `last`, which begins after `end`.
    mutating func append(first: UInt64, last: UInt64) {
        write(first - end)
        write(last - first)
        end = last + 1
    }

    /// First and last of each run, one after the other.
    var bounds: [UInt64] {
        var bounds: [UInt64] = []
        bounds.reserveCapacity(bytes.count)
        var (at, frame) = (0, UInt64(0))
        while at < bytes.count {
            let first = frame + read(&at)
            let last = first + read(&at)
            bounds.append(first)
            bounds.append(last)
            frame = last + 1
        }
        return bounds
    }

    /// Takes out so many of the last runs, and gives their bounds.
    mutating func removeNewest(_ count: Int) -> [UInt64] {
        let all = bounds
        let kept = max(0, all.count - 2 * count)
        self = PackedRuns()
        for at in stride(from: 0, to: kept, by: 2) { append(first: all[at], last: all[at + 1]) }
        return Array(all[kept...])
    }

    private mutating func write(_ number: UInt64) {
        var rest = number
        while rest > 127 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private func read(_ at: inout Int) -> UInt64 {
        var (number, shift) = (UInt64(0), UInt64(0))
        while bytes[at] > 127 {
            number |= UInt64(bytes[at] & 127) << shift
            (shift, at) = (shift + 7, at + 1)
        }
        number |= UInt64(bytes[at]) << shift
        at += 1
        return number
    }
}
