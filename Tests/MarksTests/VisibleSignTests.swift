import Tensors
import Testing

@testable import Marks

struct VisibleSignTests {
    @Test(arguments: [
        (0.0, true), (2.96, true), (3.0, false), (29.96, false), (30.0, true), (31.96, true),
        (32.0, false), (60.0, true), (62.5, false), (3600.5, true), (-1.0, true),
    ])
    func `it is there for 3 s at the beginning and 2 s every 30 s`(_ seconds: Double, _ isDue: Bool)
    {
        #expect(VisibleSign.isDue(at: Int64(seconds * 1e9)) == isDue)
    }

    @Test(arguments: [0, 60, 118, 128, 200, 255] as [UInt8])
    func `its letters stand out from any picture`(_ level: UInt8) throws {
        let picture = SamplePicture.flat(level)
        VisibleSign().draw(into: picture)

        let layout = try #require(SignLayout("AI", .topRight, width: 256, height: 256))
        var letters: Set<UInt8> = [], plate: Set<UInt8> = []
        for y in layout.rows {
            for x in layout.columns {
                let value = picture.array[3 * (y * 256 + x)]
                if layout.isLetter(x, y) { letters.insert(value) } else { plate.insert(value) }
            }
        }
        #expect(letters == [240] && plate.count == 1)
        // WCAG 2.2's relative luminance of greys.
        func luminance(_ value: UInt8) -> Double {
            let part = Double(value) / 255
            return part <= 0.04045 ? part / 12.92 : Self.power((part + 0.055) / 1.055, 2.4)
        }
        #expect((luminance(240) + 0.05) / (luminance(plate.first!) + 0.05) >= 4.5)
    }

    private static func power(_ base: Double, _ exponent: Double) -> Double {
        // e^(b ln a), without Foundation.
        var (low, high) = (0.0, 1.0)
        // base^2.4 = (base^12)^(1/5), by halving.
        let target = (0..<12).reduce(1.0) { product, _ in product * base }
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if middle * middle * middle * middle * middle < target {
                low = middle
            } else {
                high = middle
            }
        }
        return low
    }

    @Test(arguments: VisibleSign.Corner.allCases)
    func `it is in its corner and nowhere else, and is found there`(_ corner: VisibleSign.Corner) {
        var sign = VisibleSign()
        sign.corner = corner
        sign.text = "KI 2"
        let picture = SamplePicture.photo(width: 320, height: 256)
        let before = picture.array
        sign.draw(into: picture)

        for y in 0..<256 {
            for x in 0..<320 {
                let place = 3 * (y * 320 + x)
                guard picture.array(at: place) != before[place] else { continue }
                #expect((x < 160) == (corner == .topLeft || corner == .bottomLeft))
                #expect((y < 128) == (corner == .topLeft || corner == .topRight))
            }
        }
        var detector = SignDetector(text: "KI 2")
        detector.add(picture, at: 0)
        #expect(detector.finish().corner == corner)
        var larger = SignDetector(text: "KI 2")
        larger.add(SamplePicture.scaled(picture, width: 400, height: 320), at: 0)
        #expect(larger.finish().corner == corner)
    }

    @Test func `it is not found where there is none`() {
        for picture in [SamplePicture.photo(), SamplePicture.flat(0), SamplePicture.flat(90)] {
            var detector = SignDetector()
            detector.add(picture, at: 0)

            #expect(detector.finish().corner == nil)
        }
    }

    @Test(arguments: [(1, 1), (8, 8), (16, 200), (64, 64), (33, 17)])
    func `small pictures are no fault`(_ width: Int, _ height: Int) {
        var sign = VisibleSign()
        sign.text = "AI GENERATED VIDEO 12345"

        sign.draw(into: SamplePicture.flat(90, width: width, height: height))
        VisibleSign().draw(into: SamplePicture.flat(90, width: width, height: height))
    }

    @Test func `letters that cannot be shown are named`() {
        #expect(VisibleSign.unknownLetters(in: "ai-Video: 1/2!") == [])
        #expect(VisibleSign.unknownLetters(in: "AI 画") == ["画"])
    }
}

extension Tensor<UInt8> {
    fileprivate func array(at index: Int) -> UInt8 { pointer[index] }
}
