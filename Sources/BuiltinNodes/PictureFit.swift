import Layers
import NodeKit
import Tensors

/// How a picture comes to another size.
enum PictureFit: String, CaseIterable {
    /// All of it, as wide and as high as asked for: its proportions change.
    case stretch
    /// All of it, as large as fits, in the middle; what is left is black.
    case inside
    /// So large that nothing is left black; what is over is cut off evenly.
    case cover

    /// Fills a picture of the wanted size.
    ///
    /// - Parameter room: `[1, h, w, 3]`; its contents are replaced.
    func fill(_ room: Tensor<UInt8>, with picture: Tensor<UInt8>) {
        let (height, width) = (room.shape[1], room.shape[2])
        let (rows, columns) = (Double(picture.shape[1]), Double(picture.shape[2]))
        let (down, across) = (Double(height) / rows, Double(width) / columns)
        func sides(_ factor: Double) -> (h: Int, w: Int) {
            (max(1, Int((rows * factor).rounded())), max(1, Int((columns * factor).rounded())))
        }
        let size: (h: Int, w: Int) = switch self {
        case .stretch: (height, width)
        case .inside: sides(min(down, across))
        case .cover: sides(max(down, across))
        }
        if size.h < height || size.w < width { room.pointer.update(repeating: 0, count: room.count) }
        room.lay(
            picture.scaled(height: size.h, width: size.w), x: (width - size.w) / 2,
            y: (height - size.h) / 2)
    }

    /// The setting `fit` of a node.
    static func setting(default usual: PictureFit) -> Setting<String> {
        Setting(
            "fit", String.self, type: .choice(allCases.map(\.rawValue)), default: usual.rawValue,
            "how a picture comes to a size of other proportions: stretch, inside (all is seen, black beside "
                + "it) or cover (nothing is black, the rest is cut off)"
        ).live()
    }
}

extension Tensor<UInt8> {
    /// The picture at another size; itself where that is its own.
    func scaled(height: Int, width: Int) -> Tensor {
        height == shape[1] && width == shape[2]
            ? self : resampled(height: height, width: width, .bicubic)
    }

    /// Lays a picture over this one, in place; what lies outside is cut off.
    ///
    /// - Parameters:
    ///   - picture: `[1, h, w, 3]`.
    ///   - x: column of its left edge, as `y` is the row of its upper one; may be negative.
    ///   - opacity: 0 leaves what is there, 1 hides it.
    ///   - mask: `[1, h, w, 3]`, how much of each of its pixels is seen, 0...255; nil for all.
    func lay(
        _ picture: Tensor, x: Int, y: Int, opacity: Double = 1, mask: Tensor? = nil
    ) {
        let (height, width) = (shape[1], shape[2])
        let (h, w) = (picture.shape[1], picture.shape[2])
        let rows = Swift.max(0, -y)..<Swift.max(Swift.max(0, -y), Swift.min(h, height - y))
        let columns = Swift.max(0, -x)..<Swift.max(Swift.max(0, -x), Swift.min(w, width - x))
        let share = Int((Swift.min(Swift.max(opacity, 0), 1) * 255).rounded())
        for row in rows where !columns.isEmpty {
            let from = 3 * (row * w + columns.lowerBound)
            let to = pointer + 3 * ((row + y) * width + columns.lowerBound + x)
            let count = 3 * columns.count
            guard share < 255 || mask != nil else {
                to.update(from: picture.pointer + from, count: count)
                continue
            }
            for index in 0..<count {
                let seen = share * (mask.map { Int($0.pointer[from + index]) } ?? 255)
                let (new, old) = (Int(picture.pointer[from + index]), Int(to[index]))
                to[index] = UInt8((new * seen + old * (65_025 - seen) + 32_512) / 65_025)
            }
        }
    }
}
