import Glibc
import Tensors

/// Where in its tile's spectrum the watermark stands, and with which phases.
///
/// The mark is a picture that repeats. Its tile has 622 waves, of 4.5 to 20.5 periods across the tile,
/// all equally strong. 207 of them, the pilots, have the key's phases: they say where the tile begins
/// and how large it is. The other 415 carry the code of ``WatermarkPayload``: a set bit turns a
/// wave by half a period.
package struct WatermarkKey: Sendable {
    /// A wave of the tile: periods across (0...20) and down (-20...20).
    package struct Wave: Equatable, Sendable {
        package let u: Int, v: Int
    }

    /// The tile's side in pixels, for pictures whose shorter side is at most ``usualSide``. For larger
    /// ones it grows with them.
    package static let tile = 128.0
    package static let usualSide = 512.0
    /// Shorter waves would be lost in compression, longer ones in the picture itself.
    private static let fewestPeriods = 4.5, mostPeriods = 20.5

    package let waves: [Wave]
    /// Radians, of all waves.
    package let phases: [Double]
    /// Places in ``waves``.
    package let pilots: [Int], carriers: [Int]

    /// The key of all our films. It is no secret: whoever has the program can find a mark, and copy it.
    package static let shared = WatermarkKey(seed: 0x7065_7273_6f6e_616c)

    /// Another key finds nothing in our films.
    package init(seed: UInt64) {
        var waves: [Wave] = []
        for u in 0...20 {
            for v in -20...20 where u > 0 || v > 0 {
                let periods = Double(u * u + v * v).squareRoot()
                if periods >= Self.fewestPeriods, periods <= Self.mostPeriods {
                    waves.append(Wave(u: u, v: v))
                }
            }
        }
        var numbers = SeededDice(seed: seed)
        self.waves = waves
        phases = waves.map { _ in 2 * .pi * Double(numbers.next() >> 11) * 0x1p-53 }
        let order = Array(waves.indices).shuffled(using: &numbers)
        pilots = Array(order[..<(waves.count / 3)])
        carriers = Array(order[(waves.count / 3)...])
    }

    /// Phases with a payload's code: bit `i` turns the carriers i, i + count, i + 2 count, …
    func phases(with code: [Bool]) -> [Double] {
        var phases = phases
        for (index, carrier) in carriers.enumerated() where code[index % code.count] {
            phases[carrier] += .pi
        }
        return phases
    }

    /// The tile's side in a picture, pixels.
    package static func period(width: Int, height: Int) -> Double {
        tile * max(1, Double(min(width, height)) / usualSide)
    }
}

extension [Int] {
    /// Fisher and Yates's shuffle, written out: the standard library may change its own, and films that
    /// were marked before could no longer be read.
    fileprivate func shuffled(using numbers: inout SeededDice) -> [Int] {
        var order = self
        for last in stride(from: order.count - 1, to: 0, by: -1) {
            order.swapAt(last, Int(numbers.next() % UInt64(last + 1)))
        }
        return order
    }
}
