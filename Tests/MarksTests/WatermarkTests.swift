import Tensors
import Testing

@testable import Marks

struct WatermarkTests {
    static let payload = WatermarkPayload(run: 0x0ab_cdef)

    private func marked(_ picture: Tensor<UInt8>) -> Tensor<UInt8> {
        Watermark(Self.payload, width: picture.shape[2], height: picture.shape[1]).marked(picture)
    }

    private func find(
        _ picture: Tensor<UInt8>, key: WatermarkKey = .shared
    ) -> WatermarkFinding {
        var detector = WatermarkDetector(key: key)
        detector.add(picture)
        return detector.finish()
    }

    @Test func `the marked picture differs by 42 dB at most, whatever is in it`() {
        var noise = Tensor<UInt8>(uninitialized: [1, 200, 301, 3])
        var state: UInt64 = 1
        noise = Tensor(
            (0..<noise.count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(state >> 56)
            }, shape: noise.shape)
        let pictures = [
            SamplePicture.photo(), SamplePicture.photo(width: 640, height: 360), noise,
            SamplePicture.flat(0), SamplePicture.flat(128), SamplePicture.flat(255),
        ]

        for picture in pictures {
            let result = marked(picture)

            #expect(result.array != picture.array)
            #expect(SamplePicture.decibels(picture, result) >= 42, "\(picture.shape)")
        }
    }

    @Test(arguments: [(1, 1), (1, 9), (7, 3), (8, 8), (9, 17), (64, 48)])
    func `pictures of any size can be marked`(_ width: Int, _ height: Int) {
        let picture = SamplePicture.flat(100, width: width, height: height)

        #expect(marked(picture).shape == picture.shape)
        #expect(!find(picture).isFound)
    }

    @Test func `the mark is found, and what it says is read`() {
        let finding = find(marked(SamplePicture.photo()))

        #expect(finding.isFound && finding.logOdds < -50)
        #expect(finding.payload == Self.payload)
        #expect(abs(finding.period.x - 128) < 1 && abs(finding.period.y - 128) < 1)
    }

    @Test func `it is found after scaling to three quarters`() {
        let finding = find(
            SamplePicture.scaled(marked(SamplePicture.photo()), width: 384, height: 384))

        #expect(finding.payload == Self.payload && finding.isFound)
        #expect(abs(finding.period.x - 96) < 1)
    }

    @Test func `it is found after a tenth was cut off`() {
        let finding = find(
            SamplePicture.cropped(
                marked(SamplePicture.photo()), x: 13, y: 37, width: 460, height: 460))

        #expect(finding.payload == Self.payload && finding.isFound)
    }

    @Test func `it is found in a picture that was stretched and made larger`() {
        let finding = find(
            SamplePicture.scaled(marked(SamplePicture.photo()), width: 700, height: 690))

        #expect(finding.payload == Self.payload && finding.isFound)
        #expect(abs(finding.period.x - 175) < 1.5 && abs(finding.period.y - 172.5) < 1.5)
    }

    @Test func `it is found in a mirrored picture`() {
        let picture = marked(SamplePicture.photo())
        let pixels = picture.array
        var mirrored: [UInt8] = []
        for y in 0..<512 {
            for x in (0..<512).reversed() {
                let place = 3 * (512 * y + x)
                mirrored += pixels[place..<place + 3]
            }
        }

        let finding = find(Tensor(mirrored, shape: picture.shape))

        #expect(finding.payload == Self.payload && finding.isFound)
    }

    @Test func `it is found in a large picture made small`() {
        let large = marked(SamplePicture.photo(width: 1920, height: 1080))

        #expect(find(large).payload == Self.payload)
        #expect(find(SamplePicture.scaled(large, width: 853, height: 480)).payload == Self.payload)
    }

    @Test func `many frames find what one does not show`() {
        // Noise eight times as strong as the mark.
        let watermark = Watermark(Self.payload, width: 256, height: 256)
        var one = WatermarkDetector(), many = WatermarkDetector()
        for index in 0..<60 {
            var state = UInt64(index + 1)
            var pixels = watermark.marked(SamplePicture.flat(120)).array
            for place in pixels.indices where place % 3 == 0 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let noise = Int(state >> 59) - 16
                for c in 0..<3 { pixels[place + c] = UInt8(Int(pixels[place + c]) + noise) }
            }
            let frame = Tensor(pixels, shape: [1, 256, 256, 3])
            if index == 0 { one.add(frame) }
            many.add(frame)
        }

        #expect(many.finish().logOdds < one.finish().logOdds - 20)
        #expect(many.finish().payload == Self.payload)
    }

    @Test func `an unmarked picture has none, and a marked one has it under its own key only`() {
        #expect(!find(SamplePicture.photo()).isFound)
        #expect(!find(marked(SamplePicture.photo()), key: WatermarkKey(seed: 5)).isFound)
    }

    /// The bound on false alarms holds for any picture, since the key is what is random: so here is one
    /// picture under many keys.
    @Test func `a hundred keys find nothing in an unmarked picture`() {
        let picture = SamplePicture.photo(width: 256, height: 256)
        let best = (1...100).map { find(picture, key: WatermarkKey(seed: $0)).logOdds }.min()!

        #expect(best > -2)
    }

    @Test func `a repeated pattern is no mark`() {
        var pixels: [UInt8] = []
        for y in 0..<512 {
            for x in 0..<512 {
                let level = UInt8((x / 8 + y / 8) % 2 * 200 + (x % 128 == 0 ? 55 : 0))
                pixels += [level, level, level]
            }
        }

        #expect(!find(Tensor(pixels, shape: [1, 512, 512, 3])).isFound)
        #expect(!find(SamplePicture.flat(7)).isFound)
    }

    @Test func `the part of a film that is marked is found`() {
        let plain = SamplePicture.photo(width: 256, height: 256)
        let mark = marked(plain)
        var detector = WatermarkDetector()
        for index in 0..<500 { detector.add((125..<250).contains(index) ? mark : plain) }

        #expect(detector.finish().payload == Self.payload)
    }

    /// The key and the code are a promise to films that were made before.
    @Test func `the pattern of the first version stays as it is`() {
        let result = marked(SamplePicture.flat(128)).array
        let hash = result.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }

        #expect(hash == 8_000_367_210_495_428_133)
    }

    /// The plain form of what the kernel does.
    @Test(arguments: [(64, 48), (37, 21), (9, 9), (16, 8), (5, 3), (131, 70)])
    func `the mark is as strong as the picture is busy`(_ width: Int, _ height: Int) {
        let picture = SamplePicture.photo(width: width, height: height)
        let pixels = picture.array
        let flat = Tensor<UInt8>(repeating: 128, shape: picture.shape)
        func luma(_ x: Int, _ y: Int) -> Int {
            let place = 3 * (y * width + x)
            return
                (77 * Int(pixels[place]) + 150 * Int(pixels[place + 1])
                + 29 * Int(pixels[place + 2])) >> 8
        }
        let (across, down) = ((width + 7) / 8, (height + 7) / 8)
        var strengths = [Int](repeating: 0, count: across * down)
        for block in strengths.indices {
            let (left, top) = (block % across * 8, block / across * 8)
            let (right, bottom) = (min(left + 8, width), min(top + 8, height))
            var sum = 0
            for y in top..<bottom {
                for x in left..<right where x + 1 < width {
                    sum +=
                        abs(luma(x, y) - luma(x + 1, y))
                        + abs(luma(x, y) - luma(x, min(y + 1, height - 1)))
                }
            }
            strengths[block] = max(38, min(62, 24 + 4 * sum / ((bottom - top) * (right - left))))
        }
        func between(_ place: Int, _ count: Int) -> (first: Int, second: Int, share: Int) {
            let at = max(0, 2 * place + 1 - 8)
            return (at / 16, min(at / 16 + 1, count - 1), 2 * place + 1 < 8 ? 0 : at % 16)
        }
        let result = marked(picture).array
        let unit = marked(flat).array

        for y in 0..<height {
            for x in 0..<width {
                let (u, v) = (between(x, across), between(y, down))
                func mixed(_ column: Int) -> Int {
                    (16 - v.share) * strengths[v.first * across + column]
                        + v.share * strengths[v.second * across + column]
                }
                let strength =
                    ((16 - u.share) * mixed(u.first) + u.share * mixed(u.second) + 128) >> 8
                let place = 3 * (y * width + x)
                // On a flat picture the strength is 38, whose change says the pattern to one level.
                let weak = Int(unit[place]) - 128
                let change = Int(result[place]) - Int(pixels[place])
                if pixels[place] > 12 && pixels[place] < 243 {
                    #expect(abs(Double(change) - Double(weak) * Double(strength) / 38) <= 1.4)
                }
            }
        }
    }
}
