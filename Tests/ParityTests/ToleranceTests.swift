import Parity
import Testing

@Suite struct ToleranceTests {
    @Test(arguments: [
        (1.1e-5, 2e-5), (2e-5, 2e-5), (2.1e-5, 5e-5), (7.9e-6, 1e-5), (5e-7, 5e-7), (0, 0),
    ]) func `figures are rounded up to one, two or five`(value: Double, rounded: Double) {
        #expect(Tolerance.roundedUp(value) == rounded)
    }
}
