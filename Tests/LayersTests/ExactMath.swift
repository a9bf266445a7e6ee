import Glibc

/// The C library's functions in binary64, by names that no layer shares.
enum ExactMath {
    static func exp(_ x: Double) -> Double { Glibc.exp(x) }
    static func erf(_ x: Double) -> Double { Glibc.erf(x) }
    static func tanh(_ x: Double) -> Double { Glibc.tanh(x) }
}
