import Tensors

/// Going on with a film that another process has begun.
extension VideoWriter {
    /// What a stream's state is: there is nothing to go on from.
    private static let streamMark: [UInt8] = [1]

    /// The newest place in the film from which another process can go on, if there is a new one: a
    /// keyframe before which everything is safe. That is some seconds behind.
    package func savePoint() -> FilmSavePoint? {
        guard let log = file.log else { return FilmSavePoint(bytes: Self.streamMark, missing: 0) }
        guard log.isWhole, let interval, let point = points.newest() else { return nil }
        let numbers = [
            Int64(point.frames), Int64(point.sounds), Int64(point.soundPackets), point.logSize,
            point.time, point.presentation, point.end, interval, began,
        ]
        var bytes = numbers.withUnsafeBytes { Array($0) }
        if point.sounds > 0, let firstSound { bytes += firstSound.encoded().array }
        return FilmSavePoint(
            bytes: bytes,
            missing: points.frames + points.sounds - point.frames - point.sounds)
    }

    /// Goes on from such a place. Comes before the first frame.
    package func resume(from bytes: [UInt8]) throws(MediaError) {
        guard bytes != Self.streamMark else {
            throw .cannotWrite(
                path: path, reason: "its reader has got a part of the film already, which another "
                    + "process cannot go on with", kept: nil)
        }
        let size = MemoryLayout<Int64>.size
        guard bytes.count >= 9 * size else { return }
        let numbers = (0..<9).map { index in
            bytes.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: index * size, as: Int64.self)
            }
        }
        let point = SavePoints.Point(
            frames: Int(numbers[0]), sounds: Int(numbers[1]), soundPackets: Int(numbers[2]),
            logSize: numbers[3], time: numbers[4], presentation: numbers[5], end: numbers[6])
        let sound = Array(bytes[(9 * size)...])
        let first = sound.isEmpty
            ? nil : try AudioPacket(decoding: Tensor(sound, shape: [sound.count]))
        try resume(point, begun: numbers[8], interval: numbers[7], firstSound: first)
    }
}
