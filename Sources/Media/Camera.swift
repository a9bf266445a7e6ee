import Tensors

/// Takes frames from a camera (v4l2), from an address on the network, or from one of FFmpeg's test
/// sources at a camera's pace.
///
/// A camera belongs to one thread.
package final class Camera {
    /// When a frame was taken.
    package struct Frame: Equatable, Sendable {
        /// From 0; frames that were too old to be used have numbers too.
        package var number: Int
        /// Nanoseconds of ``MonotonicClock``.
        package var captured: Int64
        /// Nanoseconds from the first frame.
        package var presentation: Int64
        /// Nanoseconds from frame to frame, as the device says.
        package var duration: Int64
    }

    /// The newest frame, and those before it that had waited too long to be worth showing.
    package struct Shot: Equatable, Sendable {
        package var frame: Frame
        package var stale: [Frame]
    }

    /// What comes next.
    package enum Event: Equatable, Sendable {
        case shot(Shot)
        /// Nothing yet: a lost connection is being made again. To be asked again.
        case waiting
        /// A test source or film is over.
        case ended
    }

    /// How long a camera on the network is patient, nanoseconds.
    package struct Patience: Sendable {
        /// Without any data for so long, its connection counts as lost.
        package var timeout: Int64 = 5_000_000_000
        /// A lost connection is tried again for so long.
        package var reconnection: Int64 = 60_000_000_000

        package init(timeout: Int64? = nil, reconnection: Int64? = nil) {
            self.timeout = timeout ?? self.timeout
            self.reconnection = reconnection ?? self.reconnection
        }
    }

    /// The device or address, as errors name it: without passwords.
    package let device: String
    private let feed: any CameraFeed

    /// Shape of every frame: `[1, height, width, 3]`.
    package var shape: [Int] { feed.shape }
    /// Nanoseconds from frame to frame.
    package var interval: Int64 { feed.interval }

    /// Opens a device such as `/dev/video0`, an address such as `rtsp://…`, or a test source:
    /// `lavfi:testsrc=size=320x240:rate=25`.
    ///
    /// - Parameters:
    ///   - width: pixels; the driver takes the nearest size it has. All others say their own.
    ///   - rate: frames a second, for the driver.
    ///   - isMirrored: whether left and right are exchanged, as people see themselves.
    /// - Throws: ``MediaError/camera(device:reason:advice:)``.
    package init(
        device: String, width: Int? = nil, height: Int? = nil, rate: Double? = nil,
        isMirrored: Bool = false, patience: Patience = Patience(), threads: Int = 1
    ) throws(MediaError) {
        self.device = device.withoutPasswords
        feed =
            MediaAddress.scheme(of: device) != nil
            ? try CameraStream(
                device, isMirrored: isMirrored, patience: patience, threads: threads)
            : try CameraDevice(
                device, width: width, height: height, rate: rate, isMirrored: isMirrored,
                threads: threads)
    }

    /// Waits for the next frame, but not for long.
    package func next() throws(MediaError) -> Event { try feed.next() }

    /// Writes the pixels of the last shot into a tensor of ``shape``.
    package func copyFrame(into tensor: Tensor<UInt8>) throws(MediaError) {
        try feed.copyFrame(into: tensor)
    }

    /// What a person should know, since the last call.
    package func takeWarnings() -> [String] { feed.takeWarnings() }
}

/// Where a camera's frames come from.
protocol CameraFeed: AnyObject {
    var shape: [Int] { get }
    var interval: Int64 { get }
    func next() throws(MediaError) -> Camera.Event
    func copyFrame(into tensor: Tensor<UInt8>) throws(MediaError)
    func takeWarnings() -> [String]
}
