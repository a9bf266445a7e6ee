import Foundation
import HTTP
import Media
import NodeKit
import Tensors

/// Serves frames as JPEG pictures in one answer without end (`multipart/x-mixed-replace`), which browsers,
/// OBS and VLC show without a plugin.
///
/// Each viewer gets the newest picture when it has taken the one before: a slow one gets fewer, and the
/// others do not notice.
package struct MJPEGOutNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "n h w 3", meaning: "rgb", "of several the first is shown")
    package static let port = Setting(
        "port", Int.self, type: .integer(0...65_535), default: 8089,
        "of 127.0.0.1; 0 is any that is free, which 'personalive status' tells")
    package static let quality = Setting(
        "quality", Int.self, type: .integer(2...31), default: 4, "2 is the best and the largest")
    package static let width = Setting(
        "width", Int.self, type: .integer(16...8192), default: 1024, unit: "px",
        "wider frames are made smaller, in proportion")

    package static let spec = NodeSpec(
        "mjpeg-out", "Serves frames to browsers as JPEG pictures.", inputs: [frame],
        settings: [port, quality, width] + MarkSettings.all, state: .none)

    private let reporter: NodeReporter
    private let encoder: JPEGEncoder
    private let server: MJPEGServer
    private var pictures: MarkedPictures

    package init(settings: Settings) throws {
        reporter = settings.reporter
        pictures = try MarkedPictures(settings: settings)
        encoder = JPEGEncoder(largestWidth: settings[Self.width], quality: settings[Self.quality])
        let port = settings[Self.port]
        do {
            server = try MJPEGServer(port: UInt16(port))
        } catch let error as ServerError {
            throw ListenError(port: port, reason: error.reason)
        }
        reporter.describe { [server] in
            let viewers = server.viewers
            return "serving http://127.0.0.1:\(server.port)/live.mjpg to "
                + "\(viewers) viewer\(viewers == 1 ? "" : "s")"
        }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let viewers = server.viewers
        reporter.set("viewers", to: Double(viewers))
        reporter.set("skipped_pictures", to: Double(server.skipped))
        // Nobody looks on: 2 ms of work are saved.
        guard viewers > 0 else { return }
        let captured =
            Date().timeIntervalSince1970
            - Double(MonotonicClock.now - inputs.stamp.captured) / 1e9
        let picture = pictures.first(of: inputs[Self.frame], at: inputs.stamp, warning: &outputs)
        server.show(try encoder.encode(picture), captured: captured)
    }
}
