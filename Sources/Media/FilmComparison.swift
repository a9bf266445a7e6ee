import Foundation
import Kernels
import Tensors

/// How much the pictures of two films differ, frame by frame in the order in which they are shown.
///
/// Frames are compared as 8-bit RGB at full size. A picture is a film of one frame.
package struct FilmComparison: Sendable {
    /// Rows and columns of every frame.
    package let height: Int, width: Int
    /// The mean of the squared differences of all bytes of each frame.
    package let squaredErrors: [Double]
    /// The film that goes on where the other has ended, if one does and no limit was given.
    package let longer: String?

    /// Compares two files from their first frames to the end of the shorter one.
    ///
    /// - Parameter limit: compare so many frames at most, and let the rest be.
    /// - Throws: ``MediaError`` for a file that cannot be read, ``SizesDiffer``.
    package init(_ first: String, _ second: String, limit: Int? = nil) throws {
        let (one, two) = (try Pictures(first), try Pictures(second))
        guard one.shape == two.shape else {
            throw SizesDiffer(first, one.shape, second, two.shape)
        }
        (height, width) = (one.shape[1], one.shape[2])
        var errors: [Double] = []
        var longer: String?
        while errors.count < limit ?? .max {
            let (left, right) = (try one.next(), try two.next())
            guard let left, let right else {
                longer = limit != nil ? nil : left != nil ? first : right != nil ? second : nil
                break
            }
            errors.append(Self.squaredError(left, right))
        }
        squaredErrors = errors
        self.longer = longer
    }

    /// The mean of the squared differences of two tensors of one shape.
    package static func squaredError(_ a: Tensor<UInt8>, _ b: Tensor<UInt8>) -> Double {
        precondition(a.shape == b.shape, "cannot compare \(a.shape) to \(b.shape)")
        let sum = withExtendedLifetime((a.memory, b.memory)) {
            picture_squared_difference(a.pointer, b.pointer, a.count)
        }
        return Double(sum) / Double(a.count)
    }

    /// Peak signal-to-noise ratio of bytes, dB; infinite where nothing differs.
    package static func decibels(ofSquaredError error: Double) -> Double {
        10 * log10(255 * 255 / error)
    }

    /// Of the mean squared error of all frames: identical frames do not make it infinite, and a few
    /// bad ones cannot hide.
    package var decibels: Double {
        Self.decibels(
            ofSquaredError: squaredErrors.reduce(0, +) / Double(max(squaredErrors.count, 1)))
    }

    /// The frame that differs most, the first of equals.
    package var worst: (frame: Int, decibels: Double)? {
        squaredErrors.enumerated().max { ($0.element, $1.offset) < ($1.element, $0.offset) }
            .map { ($0.offset, Self.decibels(ofSquaredError: $0.element)) }
    }

    /// Two files whose pictures cannot be laid over each other.
    package struct SizesDiffer: Error, Equatable, CustomStringConvertible {
        package let description: String

        fileprivate init(_ first: String, _ one: [Int], _ second: String, _ two: [Int]) {
            description =
                "\(first) has pictures of \(one[2])x\(one[1]) and \(second) of "
                + "\(two[2])x\(two[1]): only pictures of one size can be compared"
        }
    }

    /// The pictures of a film, or a file's only one.
    private final class Pictures {
        let shape: [Int]
        private let reader: VideoReader?
        private var picture: Tensor<UInt8>?

        init(_ path: String) throws(MediaError) {
            do {
                let reader = try VideoReader(path: path)
                self.reader = reader
                shape = reader.shape
            } catch {
                // What is no film may still be a picture; if not, the first reason is the better one.
                guard let picture = try? ImageReader.read(path) else { throw error }
                reader = nil
                shape = picture.shape
                self.picture = picture
            }
        }

        func next() throws(MediaError) -> Tensor<UInt8>? {
            guard let reader else {
                defer { picture = nil }
                return picture
            }
            while let item = try reader.next() {
                guard case .frame = item else { continue }
                let frame = Tensor<UInt8>(uninitialized: shape)
                try reader.copyFrame(into: frame)
                return frame
            }
            return nil
        }
    }
}
