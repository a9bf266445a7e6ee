/// What the watermark says: how the pictures were made, and in which run.
///
/// 32 bits and a check sum of 16 stand behind a convolutional code (rate 1/3, constraint length 7:
/// 3GPP TS 36.212, 5.1.3.1, with six zeros at its end), which is right even when a tenth of its bits
/// are not.
package struct WatermarkPayload: Equatable, Sendable {
    /// How pictures were made; four bits.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// All of the picture is a network's.
        case synthetic = 1
        /// Pixels of a photo are in it.
        case composite = 2

        package var description: String {
            self == .synthetic ? "generated" : "composed of generated and recorded pixels"
        }
    }

    package var kind: Kind
    /// Which run made it: 28 bits.
    package var run: UInt32

    package init(kind: Kind = .synthetic, run: UInt32) {
        (self.kind, self.run) = (kind, run & 0x0fff_ffff)
    }

    /// Seven hexadecimal digits.
    package var runText: String {
        let digits = String(run, radix: 16)
        return String(repeating: "0", count: 7 - digits.count) + digits
    }
}

extension WatermarkPayload {
    private static let memory = 6
    private static let polynomials = [0o133, 0o171, 0o165]
    /// Bits before the code: payload, check sum, end.
    private static let length = 32 + 16 + memory
    package static let codeLength = length * polynomials.count

    private var number: UInt32 { UInt32(kind.rawValue) << 28 | run }

    /// The 162 bits of the code.
    package var code: [Bool] {
        let whole = UInt64(number) << 16 | UInt64(Self.checkSum(of: number))
        var bits = (0..<48).map { whole >> (47 - $0) & 1 == 1 }
        bits += [Bool](repeating: false, count: Self.memory)
        var state = 0
        return bits.flatMap { bit in
            let window = (bit ? 1 : 0) << Self.memory | state
            state = window >> 1
            return Self.polynomials.map { (window & $0).nonzeroBitCount % 2 == 1 }
        }
    }

    /// The payload whose code fits best (Viterbi's algorithm), or nil when its check sum is wrong.
    ///
    /// - Parameter soft: for each bit of the code, positive where it is more likely 0.
    package init?(soft: [Double]) {
        precondition(soft.count == Self.codeLength)
        let states = 1 << Self.memory
        var scores = [Double](repeating: -.infinity, count: states)
        scores[0] = 0
        var cameFrom: [[Int]] = []
        for step in 0..<Self.length {
            var next = [Double](repeating: -.infinity, count: states)
            var from = [Int](repeating: 0, count: states)
            for state in 0..<states where scores[state] > -.infinity {
                for bit in 0...(step < 48 ? 1 : 0) {
                    let window = bit << Self.memory | state
                    var score = scores[state]
                    for (index, polynomial) in Self.polynomials.enumerated() {
                        let value = soft[3 * step + index]
                        score += (window & polynomial).nonzeroBitCount % 2 == 0 ? value : -value
                    }
                    if score > next[window >> 1] {
                        next[window >> 1] = score
                        from[window >> 1] = state
                    }
                }
            }
            scores = next
            cameFrom.append(from)
        }
        var state = 0
        var whole: UInt64 = 0
        for step in (0..<Self.length).reversed() {
            // The newest bit is the highest of the state that it leads to.
            if step < 48, state >> (Self.memory - 1) & 1 == 1 { whole |= 1 << (47 - UInt64(step)) }
            state = cameFrom[step][state]
        }
        let number = UInt32(truncatingIfNeeded: whole >> 16)
        guard Self.checkSum(of: number) == UInt16(truncatingIfNeeded: whole),
            let kind = Kind(rawValue: UInt8(number >> 28))
        else { return nil }
        self.init(kind: kind, run: number)
    }

    /// CRC-16 of ITU-T X.25's polynomial, from 0xffff on.
    private static func checkSum(of number: UInt32) -> UInt16 {
        var sum: UInt16 = 0xffff
        for shift in stride(from: 24, through: 0, by: -8) {
            sum ^= UInt16(number >> UInt32(shift) & 0xff) << 8
            for _ in 0..<8 { sum = sum & 0x8000 != 0 ? sum << 1 ^ 0x1021 : sum << 1 }
        }
        return sum
    }
}
