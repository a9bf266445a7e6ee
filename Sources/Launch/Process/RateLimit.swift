/// How much a child may say in a second; what is more is counted and not taken.
struct RateLimit: Equatable {
    let most: Int
    private var began: Int64 = .min
    private var taken = 0
    /// How much was not taken in this second, and in those before it since the last ``takeRefused(at:)``.
    private var refused = 0, due = 0

    init(most: Int) { self.most = most }

    private static let second: Int64 = 1_000_000_000

    /// Whether one more is taken.
    mutating func admits(at now: Int64) -> Bool {
        if began == .min || now - began >= Self.second {
            due += refused
            (began, taken, refused) = (now, 0, 0)
        }
        guard taken < most else {
            refused += 1
            return false
        }
        taken += 1
        return true
    }

    /// How much was not taken in seconds that are over; nil where all was.
    mutating func takeRefused(at now: Int64) -> Int? {
        if refused > 0, now - began >= Self.second { (due, refused) = (due + refused, 0) }
        defer { due = 0 }
        return due > 0 ? due : nil
    }
}
