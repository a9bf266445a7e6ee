import Layers
import Tensors

/// Changing the size of pictures: outputs are named by filter, input and size.
enum ResizeCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.network.isEmpty && !outputs(fixture).isEmpty
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        for (key, filter, number, height, width) in outputs(fixture) {
            switch filter {
            case "bilinear":
                let input = try fixture.channelsLast("float\(number)")
                results.compare(
                    key, input.bilinear(height: height, width: width).channelsFirst())
            default:
                let picture = try fixture.pictures("image\(number)")
                results.compare(
                    key,
                    picture.resampled(
                        height: height, width: width, filter == "lanczos" ? .lanczos : .bicubic))
            }
        }
    }

    /// Such as `out/lanczos3_45x90`: filter, input, rows, columns.
    private static func outputs(_ fixture: Fixture) -> [(String, String, Int, Int, Int)] {
        fixture.file.entries.keys.sorted().compactMap { key in
            let parts = key.dropFirst("out/".count).split(separator: "_")
            guard key.hasPrefix("out/"), parts.count == 2,
                let filter = ["lanczos", "bicubic", "bilinear"].first(where: parts[0].hasPrefix),
                let number = Int(parts[0].dropFirst(filter.count))
            else { return nil }
            let size = parts[1].split(separator: "x").compactMap { Int($0) }
            return size.count == 2 ? (key, filter, number, size[0], size[1]) : nil
        }
    }
}
