import Glibc

/// Ages by size, in steps of about 2 %, so that a week of frames takes no more room than a minute.
package struct AgeHistogram: Sendable {
    /// How many ages fell into each step; the first step is up to 10 µs.
    private var counts: [Int: Int] = [:]
    package private(set) var count = 0
    package private(set) var maximum: Double = 0

    private static let base = 0.01  // ms
    private static let step = 1.02

    package init() {}

    package mutating func add(nanoseconds: Int64) {
        let milliseconds = max(Double(nanoseconds) / 1e6, 0)
        count += 1
        maximum = max(maximum, milliseconds)
        counts[Self.bin(of: milliseconds), default: 0] += 1
    }

    /// What was counted since an earlier state of the same histogram; the maximum is the whole's.
    package func since(_ earlier: AgeHistogram) -> AgeHistogram {
        var recent = self
        for (bin, count) in earlier.counts {
            let left = (recent.counts[bin] ?? 0) - count
            recent.counts[bin] = left > 0 ? left : nil
        }
        recent.count = recent.counts.values.reduce(0, +)
        return recent
    }

    /// Adds what another one has counted.
    package mutating func add(_ other: AgeHistogram) {
        counts.merge(other.counts, uniquingKeysWith: +)
        count += other.count
        maximum = max(maximum, other.maximum)
    }

    /// The age in milliseconds that `fraction` of all stay below; nil without any.
    package func percentile(_ fraction: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = max(1, Int((fraction * Double(count)).rounded(.up)))
        var seen = 0
        for bin in counts.keys.sorted() {
            seen += counts[bin]!
            if seen >= rank { return min(Self.upperEdge(of: bin), maximum) }
        }
        return maximum
    }

    /// How many are in steps that end at a bound or below it.
    package func count(upTo milliseconds: Double) -> Int {
        // A bound that is the end of a step must not be missed by a rounding.
        counts.reduce(0) {
            Self.upperEdge(of: $1.key) <= milliseconds * 1.000_001 ? $0 + $1.value : $0
        }
    }

    /// The sum of all, in milliseconds, each taken for the middle of its step: within 1 %.
    package var sum: Double {
        counts.reduce(0) { sum, bin in
            let lower = bin.key == 0 ? 0 : Self.upperEdge(of: bin.key - 1)
            return sum + Double(bin.value) * (lower + Self.upperEdge(of: bin.key)) / 2
        }
    }

    private static func bin(of milliseconds: Double) -> Int {
        guard milliseconds > base else { return 0 }
        return Int((log(milliseconds / base) / log(step)).rounded(.up))
    }

    private static func upperEdge(of bin: Int) -> Double { base * pow(step, Double(bin)) }
}

/// As JSON: `{"counts": {"742": 3}, "maximum_ms": 24.1}`, by number of step.
extension AgeHistogram: Codable {
    private enum Key: String, CodingKey {
        case counts
        case maximum = "maximum_ms"
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(counts, forKey: .counts)
        try object.encode(maximum, forKey: .maximum)
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        counts = try object.decodeIfPresent([Int: Int].self, forKey: .counts) ?? [:]
        // 4096 steps of 2 % reach from 10 µs to beyond the age of the universe.
        guard counts.allSatisfy({ (0...4096).contains($0) && (0...1 << 40).contains($1) }) else {
            throw DecodingError.dataCorruptedError(
                forKey: .counts, in: object, debugDescription: "steps are numbered from 0 to 4096")
        }
        count = counts.values.reduce(0, +)
        // A thousand years at most, so that arithmetic on it is safe.
        let found = try object.decodeIfPresent(Double.self, forKey: .maximum) ?? 0
        maximum = min(max(found, 0), 3e13)
    }
}
