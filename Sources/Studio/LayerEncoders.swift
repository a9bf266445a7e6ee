import Marks
import Media
import NodeKit
import Tensors

/// Makes the messages of one output: each picture once for every layer that a page wants.
///
/// It keeps what a page needs that comes later: of a video all since its last keyframe. It belongs to the
/// thread of a ``PictureTap``.
struct LayerEncoders {
    private let output: String
    private let jpeg = JPEGEncoder()
    private let marks: FrameMarks
    /// When the first picture was captured: the sign's seconds count from there.
    private var origin: Int64?
    private var videos: [PictureLayer: (encoder: LiveEncoder, shape: [Int])] = [:]
    /// Of each layer what has been sent since the last keyframe.
    private var groups: [PictureLayer: [PictureTap.Shot]] = [:]
    private var sequences: [PictureLayer: UInt32] = [:]
    /// The newest frame, for a layer that a page wants when no other comes.
    private var last: (stamp: Stamp, frame: Tensor<UInt8>)?
    /// The encoder that packets come from, where the output has packets.
    private var stream: UInt32?
    /// The packet that comes next where none is lost.
    private var next: (stream: UInt32, sequence: UInt64)?
    /// Packets up to the next keyframe are of no use.
    private var needsKey = true

    /// The studio's own videos have a keyframe each second. Of an encoder whose groups are longer a page
    /// that comes later waits for the next keyframe.
    static let longestGroup = 128

    /// - Parameters:
    ///   - output: `node.port`, for errors.
    ///   - marks: what the pictures say of themselves. Packets have the marks of their own encoder.
    init(output: String, marks: MarkOptions = MarkOptions()) {
        (self.output, self.marks) = (output, FrameMarks(marks))
    }

    /// What a page gets that begins to watch now: the newest picture, and what it refers to.
    func past(of layer: PictureLayer) -> [PictureTap.Shot] { groups[layer] ?? [] }

    /// Forgets what no page wants, and begins what one wants.
    mutating func keep(_ layers: Set<PictureLayer>) throws {
        for layer in PictureLayer.allCases where !layers.contains(layer) {
            (videos[layer], groups[layer]) = (nil, nil)
        }
        for layer in layers where groups[layer] == nil {
            if let last { _ = try shot(last.frame, last.stamp, layer) }
        }
    }

    /// The messages of what came, for these layers.
    ///
    /// - Throws: ``StudioError`` when it is neither pictures nor packets of an encoder.
    mutating func shots(_ stamp: Stamp, _ tensor: AnyTensor, for layers: Set<PictureLayer>) throws
        -> [PictureTap.Shot]
    {
        guard let bytes: Tensor<UInt8> = tensor.typed() else { throw noPicture(tensor) }
        if bytes.shape.count == 1, let packet = try? FilmPacket(decoding: bytes) {
            return try shots(packet, stamp, for: layers)
        }
        guard bytes.shape.count == 4, bytes.shape[3] == 3, bytes.count > 0 else {
            throw noPicture(tensor)
        }
        var shots: [PictureTap.Shot] = []
        for number in 0..<bytes.shape[0] {
            var stamp = stamp
            stamp.captured += Int64(number) * stamp.duration
            stamp.presentation += Int64(number) * stamp.duration
            let frame = bytes.rows(number..<number + 1)
            last = (stamp, frame)
            for layer in layers { shots.append(try shot(frame, stamp, layer)) }
        }
        return shots
    }

    private func noPicture(_ tensor: AnyTensor) -> StudioError {
        let shape = tensor.shape.map(String.init).joined(separator: " ")
        return .refused("'\(output)' carries \(tensor.elementType.name) [\(shape)], which is no picture")
    }

    // MARK: Pictures

    private mutating func shot(_ frame: Tensor<UInt8>, _ stamp: Stamp, _ layer: PictureLayer) throws
        -> PictureTap.Shot
    {
        let time = stamp.captured - (origin ?? stamp.captured)
        origin = origin ?? stamp.captured
        guard layer != .jpeg else {
            let picture = try jpeg.encode(marks.apply(to: frame, at: time))
            return keep(layer, stamp, .picture, isKey: true, isFirst: false, picture)
        }
        let isFirst = videos[layer]?.shape != frame.shape
        if isFirst { videos[layer] = (encoder(layer, frame.shape), frame.shape) }
        let packet = try videos[layer]!.encoder.encode(frame, at: time, for: stamp.duration)
        return keep(
            layer, stamp, .videoDown, isKey: packet.isKey, isFirst: isFirst, packet.picture)
    }

    private func encoder(_ layer: PictureLayer, _ shape: [Int]) -> LiveEncoder {
        var options = LiveEncoder.Options()
        options.marks = marks.options
        options.threads = 1
        if layer == .small {
            (options.largestSide, options.bitrate) = (256, 150_000)
        } else {
            // At 512x512 1.5 Mbit/s, which hardly differs from JPEG of eight times as much.
            let pixels = shape[1] * shape[2]
            options.bitrate = min(max(pixels * 1_500_000 / (512 * 512), 400_000), 4_000_000)
        }
        return LiveEncoder(options, name: "studio")
    }

    // MARK: Packets

    /// The packets of an encoder go as they are, as both videos; none that needs one that was lost.
    private mutating func shots(_ packet: FilmPacket, _ stamp: Stamp, for layers: Set<PictureLayer>)
        throws -> [PictureTap.Shot]
    {
        guard packet.codec == "h264" else {
            throw StudioError.refused(
                "'\(output)' carries \(packet.codec), and pages are sent H.264 only")
        }
        guard !layers.contains(.jpeg) else {
            throw StudioError.refused(
                "'\(output)' carries packets of an encoder, which this browser cannot decode: watch the "
                    + "output that feeds the encoder")
        }
        if let next, next != (packet.stream, packet.sequence) { needsKey = true }
        next = (packet.stream, packet.sequence &+ 1)
        if packet.isKey { needsKey = false }
        guard !needsKey else { return [] }
        let isFirst = packet.isKey && stream != packet.stream
        if packet.isKey { stream = packet.stream }
        return layers.map { layer in
            keep(
                layer, stamp, .videoDown, isKey: packet.isKey, isFirst: isFirst, packet.picture)
        }
    }

    // MARK: Messages

    private mutating func keep(
        _ layer: PictureLayer, _ stamp: Stamp, _ kind: LiveMessage.Kind, isKey: Bool, isFirst: Bool,
        _ chunk: [UInt8]
    ) -> PictureTap.Shot {
        let sequence = sequences[layer] ?? 0
        sequences[layer] = sequence &+ 1
        let shot = PictureTap.Shot(
            layer: layer,
            message: LiveMessage(
                kind: kind, isKey: isKey, isFirst: isFirst, sequence: sequence,
                captured: stamp.captured / 1000, presentation: stamp.presentation / 1000,
                chunk: chunk))
        if isKey {
            groups[layer] = [shot]
        } else if let count = groups[layer]?.count, count > 0 {
            // A part of a group is of no use to what follows.
            if count < Self.longestGroup { groups[layer]!.append(shot) } else { groups[layer] = [] }
        }
        return shot
    }
}
