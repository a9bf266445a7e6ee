import Tensors

/// A camera on the network, whose connection is made again when it breaks; or a film at an address,
/// at the pace at which it is shown.
final class CameraStream: CameraFeed {
    let shape: [Int]
    let interval: Int64
    private let device: String, name: String
    private let isMirrored: Bool
    private let patience: Camera.Patience
    private let threads: Int
    private let composer: AlphaComposer
    private var connection: Connection?
    private var converter: RGBConverter
    private var picture: Picture?
    private var number = 0
    private var firstCaptured: Int64?
    private var lastPresentation: Int64 = -1
    /// When the connection was lost, why, and when it is to be tried again.
    private var loss: (since: Int64, reason: String, nextTry: Int64)?
    private var warnings: [String] = []

    /// One connection, and how its clock relates to ours.
    private struct Connection {
        let source: any PictureSource
        /// Whether it has an end, as films have.
        let isFilm: Bool
        /// The picture that was read ahead, to know its size.
        var first: TimedPicture?
        /// Our time of the stream's zero: of the picture that came with the least delay.
        var zero: Int64?
    }

    /// Frames in a row that may be left out for a newer one.
    private static let mostStale = 256
    /// Pauses between two tries, nanoseconds, and how long the runtime is kept waiting at a time.
    private static let retry: Int64 = 1_000_000_000, pause: Int64 = 200_000_000

    init(
        _ device: String, isMirrored: Bool, patience: Camera.Patience, threads: Int
    ) throws(MediaError) {
        (self.device, name) = (device, device.withoutPasswords)
        (self.isMirrored, self.patience, self.threads) = (isMirrored, patience, threads)
        composer = AlphaComposer(name: name)
        let opened = try Self.connect(device, timeout: patience.timeout, threads: threads)
        let orientation = Self.orientation(of: opened, isMirrored: isMirrored)
        let first = opened.first!.picture
        let size = orientation.shownSize(width: first.width, height: first.height)
        shape = [1, size.height, size.width, 3]
        interval = opened.source.usualInterval
        converter = RGBConverter(orientation)
        connection = opened
    }

    private static func connect(
        _ device: String, timeout: Int64, threads: Int
    ) throws(MediaError) -> Connection {
        let name = device.withoutPasswords
        do throws(MediaError) {
            let demuxer =
                switch try MediaLocation(device, needed: "a camera") {
                case .address(let address):
                    try Demuxer(address, needed: "a camera", timeout: timeout, isLive: true)
                case .file(let path): try Demuxer(path: path, needed: "a camera")
                case .pictures:
                    throw MediaError.notMedia(
                        path: device, found: "a folder", needed: "a camera")
                }
            let source = try FrameSource(demuxer, threads: threads)
            guard let first = try source.nextPicture() else {
                throw MediaError.noFrames(path: name, found: source.summary)
            }
            return Connection(
                source: source, isFilm: demuxer.isFile || demuxer.context.pointee.duration > 0,
                first: first)
        } catch {
            guard case .unreachable(_, let reason) = error else { throw error }
            throw .camera(
                device: name, reason: reason,
                advice: "is the address right, and does its server run?")
        }
    }

    private static func orientation(of connection: Connection, isMirrored: Bool) -> Orientation {
        var orientation = connection.source.orientation(of: connection.first!.picture)
        if isMirrored { orientation.flipsX.toggle() }
        return orientation
    }

    func next() throws(MediaError) -> Camera.Event {
        guard connection != nil else { return try reconnect() }
        var stale: [Camera.Frame] = []
        while true {
            let asked = MonotonicClock.now
            let found: TimedPicture?
            do throws(MediaError) { found = try take() } catch {
                guard case .unreachable(_, let reason) = error else { throw error }
                return lose(because: reason)
            }
            warnings += connection!.source.takeWarnings()
            guard let found else {
                return connection!.isFilm ? .ended : lose(because: "the stream ended")
            }
            let (frame, age) = stamp(found, asked: asked)
            if age <= max(2 * interval, 250_000_000) || stale.count == Self.mostStale {
                picture = found.picture
                return .shot(Camera.Shot(frame: frame, stale: stale))
            }
            stale.append(frame)
        }
    }

    private func take() throws(MediaError) -> TimedPicture? {
        if let first = connection!.first {
            connection!.first = nil
            return first
        }
        return try connection!.source.nextPicture()
    }

    /// When a picture was taken, by our clock, and how old it is.
    ///
    /// A sender's clock is unknown: what came with the least delay counts as new. Where pictures had
    /// to be waited for, nothing has piled up, and the newest is new whatever its clock says.
    private func stamp(
        _ found: TimedPicture, asked: Int64
    ) -> (frame: Camera.Frame, age: Int64) {
        let now = MonotonicClock.now
        let time = found.time ?? now - (connection!.zero ?? now)
        var zero = connection!.zero ?? now - time
        if connection!.isFilm {
            MonotonicClock.sleep(until: zero + time)
        } else {
            let isAwaited = now - asked > interval / 4
            let isLate = now - time - zero > max(2 * interval, 250_000_000)
            zero = isAwaited && isLate ? now - time : min(zero, now - time)
        }
        connection!.zero = zero
        let captured = zero + time
        firstCaptured = firstCaptured ?? captured
        lastPresentation = max(captured - firstCaptured!, lastPresentation + 1)
        defer { number += 1 }
        return (
            Camera.Frame(
                number: number, captured: captured, presentation: lastPresentation,
                duration: found.duration > 0 ? found.duration : interval),
            MonotonicClock.now - captured
        )
    }

    private func lose(because reason: String) -> Camera.Event {
        connection = nil
        let now = MonotonicClock.now
        loss = (now, reason, now)
        warnings.append("camera \(name): \(reason); the connection is made again")
        return .waiting
    }

    private func reconnect() throws(MediaError) -> Camera.Event {
        let now = MonotonicClock.now
        guard now >= loss!.nextTry else {
            MonotonicClock.sleep(until: min(loss!.nextTry, now + Self.pause))
            return .waiting
        }
        do throws(MediaError) {
            let opened = try Self.connect(device, timeout: patience.timeout, threads: threads)
            converter = RGBConverter(Self.orientation(of: opened, isMirrored: isMirrored))
            connection = opened
            warnings.append(
                "camera \(name): the connection is back after "
                    + "\((MonotonicClock.now - loss!.since) / 1_000_000_000) s")
            loss = nil
        } catch {
            let gone = MonotonicClock.now - loss!.since
            guard gone < patience.reconnection else {
                throw .camera(
                    device: name,
                    reason: "\(loss!.reason), and it could not be reached again for "
                        + "\(gone / 1_000_000_000) s",
                    advice: "is it still on the network?")
            }
            loss!.nextTry = MonotonicClock.now + Self.retry
        }
        return .waiting
    }

    func copyFrame(into tensor: Tensor<UInt8>) throws(MediaError) {
        try converter.convert(composer.flatten(picture!), into: tensor)
    }

    func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings + composer.takeWarnings()
    }
}
