import ExactKernels
import Tensors

/// How pixels are weighted when a picture changes size.
package enum ResamplingFilter: Sendable {
    /// Windowed sinc of six taps, widened when shrinking.
    case lanczos
    /// Cubic of four taps (a = -0.5), widened when shrinking.
    case bicubic

    fileprivate var kernel: exact_filter {
        switch self {
        case .lanczos: EXACT_LANCZOS
        case .bicubic: EXACT_BICUBIC
        }
    }
}

// Pictures: bytes, `[n, height, width, 3]`.
extension Tensor<UInt8> {
    /// The picture at another size, with antialiasing; the bits are those of Pillow's `resize`.
    ///
    /// - Parameters:
    ///   - rows: which rows of the result are wanted; nil for all.
    ///   - columns: likewise.
    package func resampled(
        height: Int, width: Int, _ filter: ResamplingFilter, rows: Range<Int>? = nil,
        columns: Range<Int>? = nil
    ) -> Tensor {
        precondition(shape.count == 4 && shape[3] == 3, "a picture is [n, h, w, 3], not \(shape)")
        let (rows, columns) = (rows ?? 0..<height, columns ?? 0..<width)
        let result = Tensor(uninitialized: [shape[0], rows.count, columns.count, 3])
        for index in 0..<shape[0] {
            let failed = exact_resample(
                self.rows(index..<index + 1).pointer, Int32(shape[1]), Int32(shape[2]),
                result.rows(index..<index + 1).pointer, exact_span(rows, of: height),
                exact_span(columns, of: width), filter.kernel)
            precondition(failed == 0, "no memory to resample \(shape) to \(height) × \(width)")
        }
        return result
    }

    /// The part of a picture in a range of rows and of columns (a copy).
    package func cropped(rows: Range<Int>, columns: Range<Int>) -> Tensor {
        let (height, width) = (shape[1], shape[2])
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= height && columns.lowerBound >= 0
                && columns.upperBound <= width, "cannot cut \(rows), \(columns) from \(shape)")
        let result = Tensor(uninitialized: [shape[0], rows.count, columns.count, 3])
        let line = columns.count * 3
        for index in 0..<shape[0] {
            for (to, from) in rows.enumerated() {
                let source = pointer + ((index * height + from) * width + columns.lowerBound) * 3
                (result.pointer + (index * rows.count + to) * line)
                    .update(from: source, count: line)
            }
        }
        return result
    }

    /// The bytes as numbers in 0...1, or in -1...1 when `centred`.
    package func floats(centred: Bool) -> Tensor<Float> {
        let result = Tensor<Float>(uninitialized: shape)
        exact_bytes_to_float(pointer, count, centred ? 1 : 0, result.pointer)
        return result
    }
}

extension exact_span {
    fileprivate init(_ range: Range<Int>, of size: Int) {
        self.init(
            size: Int32(clamping: size), first: Int32(clamping: range.lowerBound),
            count: Int32(clamping: range.count))
    }
}
