import ExactKernels
import Foundation
import Layers
import Tensors

/// Collects what a check computed and compares it with the golden values, tensor by tensor.
///
/// A check may hand over more than a fixture stores; what is not stored is not looked at. What is
/// stored and never handed over ends as a failed line, so that nothing goes unchecked unseen.
final class FixtureResults {
    let fixture: Fixture
    private(set) var lines: [ParityLine] = []
    private var checked: Set<String> = []

    init(_ fixture: Fixture) { self.fixture = fixture }

    /// Whether the fixture has golden values of this name in any form.
    func wants(_ key: String) -> Bool {
        let entries = fixture.file.entries
        return entries[key] != nil || entries[key + "#strided"] != nil
            || entries[key + "#stats"] != nil
    }

    /// Numbers in the fixture's order (channels first).
    func compare(_ key: String, _ found: Tensor<Float>) {
        guard wants(key) else { return }
        let found = found.host()
        let stored = fixture.file.stored(key, as: Float.self)
        let strided = fixture.file.stored(key + "#strided", as: Float.self)
        let statistics = fixture.file.stored(key + "#stats", as: Float.self)
        checked.formUnion([key, key + "#strided", key + "#stats"])
        if let shape = fixture.shape(key), shape != found.shape,
            shape.filter({ $0 != 1 }) != found.shape.filter({ $0 != 1 })
        {
            return fail(key, "has shape \(found.shape), but \(shape) is golden")
        }
        let golden = strided ?? stored ?? Tensor([], shape: [0])
        let stride = strided == nil ? 1 : fixture.inputs["_strided"]?[key]?["stride"]?.integer ?? 1
        guard golden.count == 0 || (found.count + stride - 1) / stride == golden.count else {
            return fail(key, "has \(found.count) elements, which do not match \(golden.count)")
        }
        finish(key, found, golden: golden, stride: stride, statistics: statistics)
    }

    /// Numbers against golden values that the fixture stores in another form.
    func compare(_ key: String, _ found: Tensor<Float>, golden: Tensor<Float>) {
        checked.insert(key)
        finish(key, found.host(), golden: golden, stride: 1, statistics: nil)
    }

    /// An activation inside a network, `[n, h, w, c]` or `[n, tokens, c]`: compared with `trace/…`,
    /// `act/…` and `sub/…`, where there are such.
    ///
    /// Maps are stored channels first, tokens as they are.
    func activation(_ name: String, _ found: Tensor<Float>) {
        for key in ["trace/" + name, "act/" + name, "sub/" + name] where wants(key) {
            let stored = found.shape.count == 4 ? found.channelsFirst() : found
            if key.hasPrefix("trace/") { trace(key, stored) } else { compare(key, stored) }
        }
    }

    /// Whole numbers and bytes, which must be equal where ``Tolerance`` does not say otherwise.
    func compare<Element: TensorElement & BinaryInteger>(_ key: String, _ found: Tensor<Element>) {
        guard wants(key) else { return }
        checked.insert(key)
        guard let golden = fixture.file.stored(key, as: Element.self),
            golden.count == found.count
        else { return fail(key, "has shape \(found.shape), which is not the golden one") }
        var line = ParityLine(fixture: fixture.name, tensor: key)
        var squares = 0.0, goldenSquares = 0.0
        if golden.array != found.array {
            for (one, other) in zip(golden.array, found.array) {
                let difference = Double(one) - Double(other)
                squares += difference * difference
                goldenSquares += Double(one) * Double(one)
                line.largestError = max(line.largestError, abs(difference))
            }
            line.relativeError = (squares / max(goldenSquares, 1)).squareRoot()
        }
        line.largestTolerance = Tolerance.wholeNumbers(key, in: fixture)
        line.passed = line.largestError <= line.largestTolerance
        lines.append(line)
    }

    /// Marks stored tensors as inputs that the check used.
    func used(_ keys: String...) {
        for key in keys { checked.formUnion([key, key + "#stats"]) }
    }

    /// Notes that something cannot be compared.
    func fail(_ key: String, _ note: String) {
        lines.append(ParityLine(fixture: fixture.name, tensor: key, note: note))
    }

    /// Fails what the fixture stores and no comparison covered.
    func failUnchecked() {
        let missed = fixture.file.entries.keys.filter {
            !checked.contains($0) && !$0.hasPrefix("in/")
        }
        for key in missed.sorted() { fail(key, "nothing computes this") }
    }

    /// Mean, deviation and norm, then evenly spaced values.
    private func trace(_ key: String, _ found: Tensor<Float>) {
        checked.insert(key)
        guard let stored = fixture.file.stored(key, as: Float.self), stored.count > 3 else {
            return fail(key, "is no trace")
        }
        let stride = max(1, found.count / 256)
        let golden = stored.rows(3..<stored.count)
        guard found.count > 0, golden.count <= (found.count + stride - 1) / stride else {
            return fail(key, "has \(found.count) elements, too few for the golden trace")
        }
        finish(key, found.host(), golden: golden, stride: stride, statistics: stored.rows(0..<3))
    }

    private func finish(
        _ key: String, _ found: Tensor<Float>, golden: Tensor<Float>, stride: Int,
        statistics: Tensor<Float>?
    ) {
        let difference = exact_compare(found.pointer, stride, golden.pointer, golden.count)
        let tolerance = Tolerance(
            for: key, in: fixture, largestValue: difference.largest_golden
        ).widened(for: fixture, largestValue: difference.largest_golden)
        var line = ParityLine(fixture: fixture.name, tensor: key)
        line.relativeError = Self.ratio(
            difference.squared_difference.squareRoot(), difference.squared_golden.squareRoot())
        line.largestError = difference.largest_difference
        line.relativeTolerance = tolerance.relative
        line.largestTolerance = tolerance.largest
        line.passed =
            line.relativeError <= tolerance.relative && line.largestError <= tolerance.largest
        if let error = statistics.map({ Self.statisticsError(found, $0) }),
            // Golden statistics are of values before their rounding to F32.
            error > max(tolerance.relative, 1e-6)
        {
            line.passed = false
            line.note = String(format: "mean, deviation or norm is off by %.1e", error)
        }
        lines.append(line)
    }

    private static func ratio(_ difference: Double, _ golden: Double) -> Double {
        difference == 0 ? 0 : difference / max(golden, .leastNormalMagnitude)
    }

    /// The largest of three errors: of the mean and the deviation in root mean squares, of the norm
    /// in norms.
    private static func statisticsError(_ found: Tensor<Float>, _ golden: Tensor<Float>) -> Double {
        var statistics = [0.0, 0, 0]
        exact_statistics(found.pointer, found.count, &statistics)
        let norm = max(Double(golden.buffer[2]), .leastNormalMagnitude)
        let spread = norm / Double(max(found.count, 1)).squareRoot()
        let scales = [spread, spread, norm]
        return zip(zip(statistics, golden.array), scales)
            .map { pair, scale in abs(pair.0 - Double(pair.1)) / scale }
            .reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
    }
}
