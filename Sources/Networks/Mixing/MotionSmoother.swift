/// The 1 € filter for numbers that move together.
package struct MotionSmoother: Sendable, Equatable {
    private var filters: [OneEuro] = []

    package init() {}

    /// - Parameters:
    ///   - time: seconds.
    ///   - unit: what a speed is measured in.
    package mutating func filter(
        _ numbers: [Float], _ control: MixControl, at time: Double, unit: Float = 1
    ) -> [Float] {
        guard control.cutoff > 0, filters.count == numbers.count else {
            filters = control.cutoff > 0 ? numbers.map { OneEuro($0, at: time) } : []
            return numbers
        }
        return numbers.indices.map { index in
            filters[index].filter(
                numbers[index], at: time, unit: unit, cutoff: control.cutoff, slope: control.slope)
        }
    }

    /// What it remembers, for a successor: three numbers of each filter.
    package var numbers: [Double] { filters.flatMap(\.numbers) }

    package init(numbers: [Double]) {
        filters = stride(from: 0, to: numbers.count, by: 3).map {
            OneEuro(numbers: numbers[$0..<$0 + 3])
        }
    }
}
