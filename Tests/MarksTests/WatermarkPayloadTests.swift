import Testing

@testable import Marks

struct WatermarkPayloadTests {
    private func soft(_ code: [Bool]) -> [Double] { code.map { $0 ? -1 : 1 } }

    @Test(arguments: [0, 1, 0x0abc_1234, 0x0fff_ffff] as [UInt32])
    func `what was coded is read`(_ run: UInt32) {
        for kind in WatermarkPayload.Kind.allCases {
            let payload = WatermarkPayload(kind: kind, run: run)

            #expect(payload.code.count == WatermarkPayload.codeLength)
            #expect(WatermarkPayload(soft: soft(payload.code)) == payload)
        }
    }

    @Test func `a tenth of the bits may be wrong`() {
        let payload = WatermarkPayload(kind: .composite, run: 0x123_4567)
        var code = payload.code
        for index in stride(from: 3, to: code.count, by: 10) { code[index].toggle() }

        #expect(WatermarkPayload(soft: soft(code)) == payload)
    }

    @Test func `random bits say nothing but once in about 60,000 times`() {
        var state: UInt64 = 7
        var legible = 0
        for _ in 0..<300 {
            let bits = (0..<WatermarkPayload.codeLength).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return state >> 63 == 1
            }
            if WatermarkPayload(soft: soft(bits)) != nil { legible += 1 }
        }

        #expect(legible == 0)
    }

    @Test func `a run has seven digits, and the same name the same run`() {
        #expect(WatermarkPayload(run: 0xab).runText == "00000ab")
        #expect(WatermarkPayload(run: .max).run == 0x0fff_ffff)
        #expect(WatermarkPayload.run(of: "a/film") == WatermarkPayload.run(of: "a/film"))
        #expect(WatermarkPayload.run(of: "a/film") != WatermarkPayload.run(of: "b/film"))
    }
}
