/// 0 up to 0, 1 from 1 on, without a kink; 0 of what is no number.
func smoothStep(_ value: Float) -> Float {
    let t = min(max(0, value), 1)
    return t * t * (3 - 2 * t)
}

/// The number itself as far as `most`, then bent towards `most` and `share` of it.
func bent(_ value: Float, beyond most: Float, by share: Float) -> Float {
    let size = value.magnitude, room = share * most
    guard size > most else { return value }
    let over = most + room * (size - most) / (size - most + room)
    return value < 0 ? -over : over
}

extension SIMD where Scalar: FloatingPoint {
    var length: Scalar { (self * self).sum().squareRoot() }
}

extension SIMD3 {
    var flat: SIMD2<Scalar> { SIMD2(x, y) }
}
