import BuiltinNodes
import Foundation
import Glibc
import Media
import NodeKit
import Tensors
import Testing

/// The node that a browser's camera comes into, in the calling thread.
@Suite struct BrowserCameraNodeTests {
    /// A run's folder with a node that waits in it, and a page that sends.
    private final class Scene {
        let folder = "/tmp/pl-camera-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        var harness: NodeHarness<BrowserCameraNode>
        private var page: Int32 = -1

        init() throws {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false)
            var settings = Settings().setting(BrowserCameraNode.width, to: 32)
                .setting(BrowserCameraNode.height, to: 32)
            settings.owner = "\(folder)/camera"
            harness = try NodeHarness(BrowserCameraNode.self, settings)
            // The socket is there from the first tick on.
            try harness.tick()
        }

        deinit {
            close(page)
            try? FileManager.default.removeItem(atPath: folder)
        }

        var socketPath: String { "\(folder)/\(BrowserCameraNode.socket)" }

        /// Connects as another page.
        func connect() throws {
            if page >= 0 { close(page) }
            page = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(page, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            #expect(result == 0)
            try harness.tick()
        }

        func send(_ message: LiveMessage) throws {
            let bytes = message.bytes
            let whole = withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { Array($0) } + bytes
            #expect(write(page, whole, whole.count) == whole.count)
            try harness.tick()
        }

        /// What the node has told the page.
        var heard: String {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(page, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        }
    }

    /// Two frames of one colour, 0x4080C0, 32x32, as libvpx codes them: a keyframe and one that refers to it.
    private static let vp8 = [
        "0AIAnQEqIAAgAABHCIWFiJmEiAICAnWqA/gCCCEpnnD+71Ev/xIX4kL8SF/4kL/7/Ve/qvf1X+0I",
        "0QEAARAQABgAHlf0DABBDgD+71Ev/xIX4kL8SF/4kL/7/Ve/qvf1X+0I",
    ].map { [UInt8](Data(base64Encoded: $0)!) }

    private func message(
        _ chunk: [UInt8], _ codec: LiveMessage.Codec = .vp8, key: Bool, first: Bool = false,
        captured: Int64 = MonotonicClock.now / 1000
    ) -> LiveMessage {
        LiveMessage(
            kind: .videoUp, isKey: key, isFirst: first, stream: codec.rawValue, sequence: 0,
            captured: captured, presentation: 0, chunk: chunk)
    }

    @Test func `VP8 becomes frames with the times of their capture`() throws {
        let scene = try Scene()
        try scene.connect()
        let captured = MonotonicClock.now / 1000 - 50_000

        try scene.send(message(Self.vp8[0], key: true, first: true, captured: captured))
        try scene.send(message(Self.vp8[1], key: false, captured: captured + 40_000))

        let frames = scene.harness.received(BrowserCameraNode.frame)
        #expect(frames.map(\.shape) == [[1, 32, 32, 3], [1, 32, 32, 3]])
        for frame in frames {
            for (value, wanted) in zip(frame.array[0..<3], [0x40, 0x80, 0xC0]) {
                #expect(abs(Int(value) - wanted) < 12, "\(frame.array[0..<3])")
            }
        }
        let stamps = scene.harness.stamps(BrowserCameraNode.frame)
        #expect(stamps.map(\.frame) == [0, 1])
        #expect(stamps.map(\.captured) == [captured * 1000, (captured + 40_000) * 1000])
        #expect(stamps.map(\.presentation) == [0, 40_000_000])
    }

    @Test func `sound comes out with the time of its capture, and damaged sound does not`() throws {
        let scene = try Scene()
        try scene.connect()
        let captured = MonotonicClock.now / 1000 - 200_000
        func sound(_ number: Int, _ chunk: [UInt8], _ codec: UInt16 = 0) -> LiveMessage {
            LiveMessage(
                kind: .audioUp, stream: codec, sequence: UInt32(number),
                captured: captured + Int64(number) * 20_000, presentation: Int64(number) * 20_000,
                chunk: chunk)
        }

        try scene.send(sound(0, [UInt8](repeating: 1, count: 1920)))
        try scene.send(sound(1, [1, 2, 3]))
        try scene.send(sound(2, [1, 2], 7))
        try scene.send(sound(3, [0xfc, 0xff, 0xfe], 1))

        let packets = try scene.harness.received(BrowserCameraNode.audio).map { try AudioPacket(decoding: $0) }
        #expect(packets.map(\.format.codec) == ["pcm_s16le", "opus"])
        #expect(packets.map(\.presentationNanoseconds) == [0, 60_000_000])
        let stamps = scene.harness.stamps(BrowserCameraNode.audio)
        #expect(stamps.map(\.frame) == [0, 1])
        #expect(stamps.map(\.captured) == [captured * 1000, (captured + 60_000) * 1000])
        #expect(try SoundDecoder(rate: 48_000, name: "test").samples(of: packets[1]).count > 0)
    }

    @Test func `JPEG of another size is scaled to the one that is set`() throws {
        let scene = try Scene()
        try scene.connect()
        let jpeg = try JPEGEncoder(quality: 2).encode(
            Tensor<UInt8>(repeating: 200, shape: [1, 48, 64, 3]))

        try scene.send(message(jpeg, .jpeg, key: true, first: true))

        let frame = try #require(scene.harness.received(BrowserCameraNode.frame).first)
        #expect(frame.shape == [1, 32, 32, 3])
        #expect(frame.array.allSatisfy { abs(Int($0) - 200) < 4 })
    }

    @Test func `without a keyframe nothing is sent, and one is asked for`() throws {
        let scene = try Scene()
        try scene.connect()

        try scene.send(message(Self.vp8[1], key: false))
        let heard = scene.heard
        try scene.send(message(Self.vp8[0], key: true, first: true))

        #expect(heard.hasSuffix(#"{"key":true}"#))
        #expect(scene.harness.received(BrowserCameraNode.frame).count == 1)
    }

    @Test func `what is damaged is passed over until the next keyframe`() throws {
        let scene = try Scene()
        try scene.connect()
        try scene.send(message(Self.vp8[0], key: true, first: true))

        try scene.send(message([1, 2, 3], key: true))
        try scene.send(message(Self.vp8[1], key: false))
        let heard = scene.heard
        try scene.send(message(Self.vp8[0], key: true, first: true))

        #expect(heard.contains(#"{"key":true}"#))
        #expect(scene.harness.received(BrowserCameraNode.frame).count == 2)
        #expect(scene.harness.warnings.count == 1)
        #expect(!scene.harness.isFinished)
    }

    @Test func `a time that cannot be is not believed, and times only grow`() throws {
        let scene = try Scene()
        try scene.connect()
        let before = MonotonicClock.now
        for captured in [Int64.max, -5, MonotonicClock.now / 1000 + 3_600_000_000, 0] {
            try scene.send(message(Self.vp8[0], key: true, first: true, captured: captured))
        }

        let stamps = scene.harness.stamps(BrowserCameraNode.frame)
        #expect(stamps.count == 4)
        #expect(stamps.allSatisfy { (before...MonotonicClock.now).contains($0.captured) })
        #expect(stamps.map(\.presentation) == stamps.map(\.presentation).sorted())
    }

    @Test func `another page takes over, and frames go on being counted`() throws {
        let scene = try Scene()
        try scene.connect()
        try scene.send(message(Self.vp8[0], key: true, first: true))

        try scene.connect()
        try scene.harness.tick()
        try scene.send(message(Self.vp8[0], key: true, first: true))

        #expect(scene.harness.stamps(BrowserCameraNode.frame).map(\.frame) == [0, 1])
    }

    @Test func `when nothing comes any more, the last picture is sent again`() throws {
        let scene = try Scene()
        for _ in 0..<8 { try scene.harness.tick() }
        #expect(scene.harness.sent.isEmpty, "there is none before the first")
        try scene.connect()
        try scene.send(message(Self.vp8[0], key: true, first: true))

        // Each tick waits up to a tenth of a second.
        for _ in 0..<200 where scene.harness.sent.count < 4 { try scene.harness.tick() }

        let frames = scene.harness.received(BrowserCameraNode.frame)
        #expect(frames.count == 4)
        #expect(frames.allSatisfy { $0.array == frames[0].array })
        let stamps = scene.harness.stamps(BrowserCameraNode.frame)
        #expect(stamps.map(\.frame) == [0, 1, 2, 3])
        #expect(stamps[1].captured - stamps[0].captured >= 450_000_000)
        #expect(zip(stamps, stamps.dropFirst()).allSatisfy { $0.captured < $1.captured })
    }

    @Test func `only this user may connect, and nothing is left of the socket`() throws {
        var scene: Scene? = try Scene()
        let path = scene!.socketPath
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]

        scene = nil

        #expect(mode as? Int == 0o600)
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
