import Foundation
import Tensors

/// What a recording can have wrong.
package struct RecordingError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// What one output of a node sent, in a file.
///
/// The bytes `PLREC` and the version, the length of a JSON object and the object; then each message:
/// its stamp, type, axes and numbers, little-endian. A file that breaks off is good up to there.
package enum Recording {
    /// What the file is about.
    package struct Header: Codable, Sendable {
        /// `node.port` of the run that was recorded.
        package let from: String
        package let port: String
        /// As in `node.yaml`.
        package let type: String
        package let axes: String
        package let meaning: String

        package init(from: String, port: String, type: String, axes: String, meaning: String) {
            self.from = from
            self.port = port
            self.type = type
            self.axes = axes
            self.meaning = meaning
        }
    }

    static let magic = Array("PLREC".utf8) + [1]
    /// "PLMS", before each message.
    static let mark: UInt32 = 0x534D_4C50
    /// A JSON object of a few names.
    static let longestHeader = 1 << 16
    static let maximumRank = 8
    /// As on the wire.
    static let maximumBytes = 1 << 32

    private static func isRecording(_ path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        return (try? file.read(upToCount: magic.count)).map { Array($0 ?? Data()) } == magic
    }

    /// The port of the recording at `path`, as `replay` has it; nil when there is none to be read.
    package static func port(of path: String) -> PortSpec? {
        guard let header = try? Reader(path: path).header,
            let type = ElementType.allCases.first(where: { $0.name == header.type }),
            let axes = Axis.parse(header.axes)
        else { return nil }
        return PortSpec(
            name: header.port, elementType: type, axes: axes, meaning: header.meaning, pace: .frame,
            isOptional: false, summary: "as \(header.from) sent it")
    }
}

extension Recording {
    /// Writes messages one after the other: into a draft that ``finish()`` puts in its place, or into a
    /// pipe as they come.
    package final class Writer {
        private enum Place {
            case draft(Draft)
            case stream(OpenOutput)
        }

        private let place: Place
        package private(set) var count = 0
        package private(set) var bytes = 0

        package init(path: String, _ header: Header) throws {
            let target = try Draft.place(path)
            if let obstacle = target.obstacle { throw DraftError.unfit(path: path, reason: obstacle) }
            if target.kind == .pipe || target.kind == .characterDevice {
                place = .stream(try OpenOutput(target, path: path))
            } else {
                guard target.size == 0 || Recording.isRecording(path) else {
                    throw RecordingError(
                        "\(path) is there already and is no recording, so it is not replaced: take "
                            + "another name, or remove it")
                }
                place = .draft(try Draft(for: target))
            }
            let json = try JSONEncoder().encode(header)
            var start = Data(magic)
            append(UInt32(json.count), to: &start)
            try write(start + json)
        }

        /// Puts the recording in its place.
        package func finish() throws { if case .draft(let draft) = place { try draft.publish() } }

        /// Takes away what there is.
        package func discard() { if case .draft(let draft) = place { draft.remove() } }

        /// The file that it is in until it is finished; nil for a pipe.
        package var draftPath: String? {
            if case .draft(let draft) = place { draft.path } else { nil }
        }

        /// - Parameter payload: the tensor's numbers.
        package func write(
            _ type: ElementType, _ shape: [Int], _ stamp: Stamp, _ payload: UnsafeRawBufferPointer
        ) throws {
            var head = Data()
            append(mark, to: &head)
            append(stamp.frame, to: &head)
            append(stamp.captured, to: &head)
            append(stamp.presentation, to: &head)
            append(stamp.duration, to: &head)
            append(stamp.epoch, to: &head)
            append(UInt32(type.rawValue), to: &head)
            append(UInt32(shape.count), to: &head)
            for extent in shape { append(UInt64(extent), to: &head) }
            append(UInt64(payload.count), to: &head)
            try write(head + Data(payload))
            count += 1
        }

        private func write(_ data: Data) throws {
            do {
                try data.withUnsafeBytes { bytes in
                    switch place {
                    case .draft(let draft): try draft.append(bytes)
                    case .stream(let output): try output.append(bytes)
                    }
                }
            } catch {
                let kept = draftPath.map { "; what was recorded so far is in \($0)" } ?? ""
                throw RecordingError("the recording cannot be written any further: \(error)\(kept)")
            }
            bytes += data.count
        }

        private func append<Number: FixedWidthInteger>(_ number: Number, to data: inout Data) {
            withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
        }
    }

    /// Reads messages in the order in which they were recorded.
    package final class Reader {
        package let header: Header
        private let file: FileHandle
        private let path: String

        package init(path: String) throws {
            guard let file = FileHandle(forReadingAtPath: path) else {
                throw RecordingError("\(path) cannot be read")
            }
            self.file = file
            self.path = path
            let start = try file.read(upToCount: magic.count + 4) ?? Data()
            guard start.count == magic.count + 4, Array(start.prefix(magic.count)) == magic else {
                throw RecordingError(
                    "\(path) is no recording: 'personalive record' makes such files")
            }
            let length = Int(Self.number(UInt32.self, start, at: magic.count))
            guard length <= longestHeader, let json = try file.read(upToCount: length),
                let header = try? JSONDecoder().decode(Header.self, from: json)
            else { throw RecordingError("\(path) is a recording whose first lines are damaged") }
            self.header = header
        }

        deinit { try? file.close() }

        /// The next message, or nil at the end; one that breaks off counts as the end.
        ///
        /// - Parameter allocate: gives memory for so many bytes.
        package func next(
            allocate: (Int) -> TensorMemory = { TensorMemory(byteCount: $0) }
        ) throws -> Message? {
            let fixed = 48
            guard let head = try file.read(upToCount: fixed), head.count == fixed else { return nil }
            func damaged(_ what: String) -> RecordingError {
                RecordingError("\(path) is damaged: \(what)")
            }
            guard Self.number(UInt32.self, head, at: 0) == mark else {
                throw damaged("a message does not begin where one is due")
            }
            let stamp = Stamp(
                frame: Self.number(UInt64.self, head, at: 4),
                captured: Self.number(Int64.self, head, at: 12),
                presentation: Self.number(Int64.self, head, at: 20),
                duration: Self.number(Int64.self, head, at: 28),
                epoch: Self.number(UInt32.self, head, at: 36))
            let code = Self.number(UInt32.self, head, at: 40)
            let rank = Int(Self.number(UInt32.self, head, at: 44))
            guard let type = UInt8(exactly: code).flatMap(ElementType.init(rawValue:)),
                rank <= maximumRank
            else { throw damaged("a tensor of type \(code) with \(rank) axes") }
            guard let axes = try file.read(upToCount: 8 * rank + 8), axes.count == 8 * rank + 8
            else { return nil }
            let shape = (0..<rank).map { Int(clamping: Self.number(UInt64.self, axes, at: 8 * $0)) }
            let bytes = Int(clamping: Self.number(UInt64.self, axes, at: 8 * rank))
            guard let expected = Self.bytes(type, shape), expected == bytes else {
                throw damaged("\(bytes) bytes for \(type.name) \(shape)")
            }
            let payload = bytes == 0 ? Data() : try file.read(upToCount: bytes) ?? Data()
            guard payload.count == bytes else { return nil }
            let memory = allocate(bytes)
            payload.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(start: memory.base, count: bytes).copyMemory(from: $0)
            }
            return Message(AnyTensor(elementType: type, shape: shape, memory: memory), stamp)
        }

        private static func bytes(_ type: ElementType, _ shape: [Int]) -> Int? {
            var bytes = type.byteCount
            for extent in shape {
                let (product, overflows) = bytes.multipliedReportingOverflow(by: extent)
                guard !overflows, product <= maximumBytes else { return nil }
                bytes = product
            }
            return bytes
        }

        private static func number<Number: FixedWidthInteger>(
            _: Number.Type, _ data: Data, at offset: Int
        ) -> Number {
            data.withUnsafeBytes {
                Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
            }
        }
    }
}
