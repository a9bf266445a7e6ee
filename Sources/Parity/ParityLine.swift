/// How one tensor compares with its golden values.
package struct ParityLine: Sendable, Encodable {
    package let fixture: String
    package let tensor: String
    /// L2 norm of the difference by that of the golden values.
    package var relativeError = 0.0
    package var largestError = 0.0
    package var relativeTolerance = 0.0
    package var largestTolerance = 0.0
    package var passed = false
    /// Why there is nothing to compare, or what else is wrong.
    package var note: String?
}
