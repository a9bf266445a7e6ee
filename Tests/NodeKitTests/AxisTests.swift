import NodeKit
import Testing

@Suite struct AxisTests {
    @Test func `axes are numbers, names, and multiples of names`() {
        #expect(
            Axis.parse("n 8h 8w 3") == [
                .named("n", factor: 1), .named("h", factor: 8), .named("w", factor: 8),
                .constant(3),
            ])
    }

    @Test func `what cannot be an extent is refused`() {
        #expect(Axis.parse("0") == nil)
        #expect(Axis.parse("0h") == nil)
        #expect(Axis.parse("h*2") == nil)
        #expect(Axis.parse("99999999999999999999") == nil)
    }

    @Test func `axes are written as they were read`() {
        #expect(Axis.parse("n 8h 3")?.map(\.description) == ["n", "8h", "3"])
    }
}
