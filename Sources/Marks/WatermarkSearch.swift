import Glibc
import Kernels

/// Looks for the mark in a picture, or in the sum of many: at all sizes and places.
///
/// Each coefficient of the picture's Fourier transform counts by its phase only, so that no strong wave
/// of the picture itself can look like the mark.
struct WatermarkSearch {
    /// Sides of the tile that are tried, pixels: from half of the usual one on, since a film that was
    /// made larger has a larger tile, too.
    private static let smallestPeriod = 60.0
    /// From one size to the next; a third of what blurs the shortest waves of a picture of 512 pixels.
    private static let step = 0.004
    /// So many of the best sizes are looked at closely.
    private static let candidates = 4

    private let key: WatermarkKey
    private let width: Int, height: Int
    private let logColumns: Int, logRows: Int, columns: Int
    private let re: [Float], im: [Float]

    /// - Parameter picture: whitened, `height` rows of `width`.
    init(_ picture: [Float], width: Int, height: Int, key: WatermarkKey) {
        (self.key, self.width, self.height) = (key, width, height)
        logColumns = Self.log(atLeast: 2 * width)
        logRows = Self.log(atLeast: 2 * height)
        let most = 20.5 / Self.smallestPeriod / (1 - 4 * Self.step) * Double(1 << logColumns)
        columns = min(1 << logColumns, (Int(most) + 2 + 15) / 16 * 16)
        var re = [Float](repeating: 0, count: columns << logRows), im = re
        var scratch = [Float](repeating: 0, count: 32 << max(logColumns, logRows))
        watermark_spectrum(
            picture, Int32(width), Int32(height), Int32(logColumns), Int32(logRows), Int32(columns),
            &scratch, &re, &im)
        (self.re, self.im) = (re, im)
    }

    private static func log(atLeast side: Int) -> Int {
        var log = 5
        while 1 << log < side { log += 1 }
        return log
    }

    /// Where the mark may stand: the tile's sides in pixels, and its corner in parts of them.
    private struct Place {
        var periodX: Double, periodY: Double, x: Double, y: Double
    }

    private var periods: [Double] {
        let largest = max(300, Double(min(width, height)) / 2)
        let count = Int(Glibc.log(largest / Self.smallestPeriod) / Self.step)
        return (0..<count).map { Self.smallestPeriod * exp(Double($0) * Self.step) }
    }

    /// All places that the search could come to, finest steps included: from each size three steps up and
    /// three down, in sixteenths, across and down, and 1024 x 1024 corners.
    private var logTries: Double { log10(Double(periods.count) * 97 * 97 * 1024 * 1024) }

    func find() -> WatermarkFinding {
        var best: [(score: Float, place: Place)] = []
        for period in periods {
            let candidate = coarse(period)
            best.append(candidate)
        }
        best.sort { $0.score > $1.score }
        var chosen: [Place] = []
        for (_, place) in best where chosen.count < Self.candidates {
            // Neighbours in size are the same candidate.
            if chosen.allSatisfy({ abs(Glibc.log($0.periodX / place.periodX)) > 2.5 * Self.step }) {
                chosen.append(place)
            }
        }
        return chosen.map { finding(at: refined($0)) }.min { $0.logOdds < $1.logOdds } ?? .nothing
    }

    /// The best corner for tiles of this size.
    private func coarse(_ period: Double) -> (score: Float, place: Place) {
        let columns = Int(WATERMARK_COLUMNS), rows = Int(WATERMARK_ROWS)
        let places = Int(WATERMARK_PLACES)
        var re = [Float](repeating: 0, count: columns * rows), im = re
        for index in key.pilots {
            let wave = key.waves[index]
            let value = phase(of: wave, period, period)
            let (c, s) = (cos(key.phases[index]), sin(key.phases[index]))
            let target = (wave.v + 20) * columns + wave.u
            re[target] = Float(value.re * c + value.im * s)
            im[target] = Float(value.im * c - value.re * s)
        }
        var map = [Float](repeating: 0, count: places * places)
        watermark_places(re, im, &map)
        var best = 0
        for index in map.indices where map[index] > map[best] { best = index }
        return (
            map[best],
            Place(
                periodX: period, periodY: period, x: Double(best % places) / Double(places),
                y: Double(best / places) / Double(places))
        )
    }

    /// The same place with ever finer steps of size and corner, as long as the pilots fit better.
    private func refined(_ coarse: Place) -> Place {
        var place = coarse
        var score = sum(at: place, over: key.pilots)
        var (size, corner) = (Self.step / 2, 1.0 / 128)
        for _ in 0..<4 {
            var improves = true
            while improves {
                improves = false
                for change in Self.changes {
                    var other = place
                    other.periodX *= 1 + size * change.periodX
                    other.periodY *= 1 + size * change.periodY
                    other.x += corner * change.x
                    other.y += corner * change.y
                    let limit = 3 * Self.step
                    guard abs(other.periodX / coarse.periodX - 1) < limit,
                        abs(other.periodY / coarse.periodY - 1) < limit
                    else { continue }
                    let there = sum(at: other, over: key.pilots)
                    if there > score { (place, score, improves) = (other, there, true) }
                }
            }
            (size, corner) = (size / 2, corner / 2)
        }
        return place
    }

    private static let changes: [(periodX: Double, periodY: Double, x: Double, y: Double)] = [
        (1, 1, 0, 0), (-1, -1, 0, 0), (1, 0, 0, 0), (-1, 0, 0, 0), (0, 1, 0, 0), (0, -1, 0, 0),
        (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1), (0, 0, 0, -1),
    ]

    private func finding(at place: Place) -> WatermarkFinding {
        let pilots = sum(at: place, over: key.pilots)
        let logTries = logTries + log10(Double(Self.candidates))
        var odds = WatermarkFinding.logOdds(
            sum: pilots, count: key.pilots.count, logTries: logTries)
        var soft = [Double](repeating: 0, count: WatermarkPayload.codeLength)
        for (index, carrier) in key.carriers.enumerated() {
            soft[index % soft.count] += cosine(of: carrier, at: place, key.phases)
        }
        let payload = WatermarkPayload(soft: soft)
        if let payload {
            // All waves together, but for any of 2^32 payloads.
            let phases = key.phases(with: payload.code)
            let all = key.waves.indices.reduce(0.0) { $0 + cosine(of: $1, at: place, phases) }
            odds = min(
                odds,
                WatermarkFinding.logOdds(
                    sum: all, count: key.waves.count, logTries: logTries + 32 * log10(2)))
        }
        return WatermarkFinding(
            logOdds: odds, payload: payload, fit: pilots / Double(key.pilots.count),
            period: (place.periodX, place.periodY))
    }

    private func sum(at place: Place, over waves: [Int]) -> Double {
        waves.reduce(0.0) { $0 + cosine(of: $1, at: place, key.phases) }
    }

    /// How well one wave's phase fits: -1...1.
    private func cosine(of index: Int, at place: Place, _ phases: [Double]) -> Double {
        let wave = key.waves[index]
        let value = phase(of: wave, place.periodX, place.periodY)
        let angle = 2 * .pi * (Double(wave.u) * place.x + Double(wave.v) * place.y) - phases[index]
        return value.re * cos(angle) - value.im * sin(angle)
    }

    /// The picture's coefficient for a wave of the tile, between the four that the transform has, made
    /// as long as 1.
    private func phase(
        of wave: WatermarkKey.Wave, _ periodX: Double, _ periodY: Double
    ) -> (re: Double, im: Double) {
        let u = Double(wave.u) / periodX * Double(1 << logColumns)
        let v = Double(wave.v) / periodY * Double(1 << logRows)
        let (left, upper) = (u.rounded(.down), v.rounded(.down))
        let (x, y) = (u - left, v - upper)
        let mask = 1 << logRows - 1
        let above = (Int(upper) & mask) * columns + Int(left)
        let below = ((Int(upper) + 1) & mask) * columns + Int(left)
        guard Int(left) + 1 < columns else { return (0, 0) }
        func between(_ values: [Float]) -> Double {
            (1 - y) * ((1 - x) * Double(values[above]) + x * Double(values[above + 1]))
                + y * ((1 - x) * Double(values[below]) + x * Double(values[below + 1]))
        }
        let (re, im) = (between(self.re), between(self.im))
        let length = (re * re + im * im).squareRoot()
        return length > 0 ? (re / length, im / length) : (0, 0)
    }
}
