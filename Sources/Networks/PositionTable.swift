import Glibc
import Tensors

/// Fixed tables of sines and cosines that tell tokens where they are.
///
/// All are computed in binary64 and rounded once.
package enum PositionTable {
    /// For motion tokens, `[count, width]`: eight sines, then eight cosines of the token's number.
    package static func motionTokens(count: Int, width: Int) -> Tensor<Float> {
        let numbers = (0..<count).flatMap { waves($0, count: width / 2) }
        return Tensor(numbers.map(Float.init), shape: [count, width])
    }

    /// For patches of a square image, `[side · side, width]`: the first half of a row tells the
    /// column, the second the row.
    package static func patches(side: Int, width: Int) -> Tensor<Float> {
        let table = (0..<side).map { waves($0, count: width / 4).map(Float.init) }
        let numbers = (0..<side * side).flatMap { table[$0 % side] + table[$0 / side] }
        return Tensor(numbers, shape: [side * side, width])
    }

    /// Sines of a position at `count` frequencies from 1 down to almost 1/10000, then the cosines.
    private static func waves(_ position: Int, count: Int) -> [Double] {
        let angles = (0..<count).map {
            Double(position) * pow(10000, -Double($0) / Double(count))
        }
        return angles.map { sin($0) } + angles.map { cos($0) }
    }
}
