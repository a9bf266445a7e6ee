import Foundation
import Tensors

/// What a recording can have wrong.
package struct RecordingError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// What one output of a node sent, or several, in a file.
///
/// The bytes `PLREC` and the version, the length of a JSON object and the object; then each message:
/// its stamp, type, axes and numbers, little-endian. A file that breaks off is good up to there.
/// In version 2, which is written for several outputs, the object is a list of them, each message says
/// behind its mark which of them it is of, and a mark of its own says that the recording is whole.
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

    static let magic = Array("PLREC".utf8)
    static let versions: ClosedRange<UInt8> = 1...2
    /// "PLEN", behind the last message of a whole recording of version 2.
    static let endMark: UInt32 = 0x4E45_4C50
    /// "PLMS", before each message.
    static let mark: UInt32 = 0x534D_4C50
    /// A JSON object of a few names.
    static let longestHeader = 1 << 16
    static let maximumRank = 8
    /// As on the wire.
    static let maximumBytes = 1 << 32

    private static func isRecording(_ path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        return (try? file.read(upToCount: magic.count)).map { Array($0) } == magic
    }

    /// The ports of the recording at `path`, as `replay` has them; nil when there is none to be read.
    package static func ports(of path: String) -> [PortSpec]? {
        guard let headers = try? Reader(path: path).headers else { return nil }
        let ports = headers.compactMap(port)
        return ports.count == headers.count ? ports : nil
    }

    private static func port(_ header: Header) -> PortSpec? {
        guard let type = ElementType.allCases.first(where: { $0.name == header.type }),
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

        private let path: String
        /// Whether each message says which output it is of.
        private let isOfSeveral: Bool
        /// What stands before the first message, until it was written.
        private var start: Data?
        /// Whether an earlier process had put the recording in its place already.
        private var isDone = false

        package convenience init(path: String, _ header: Header) throws {
            try self.init(path: path, [header])
        }

        /// - Parameter owner: who writes it, whichever process that is; nil when it is this one alone.
        package init(path: String, _ headers: [Header], owner: String? = nil) throws {
            (self.path, isOfSeveral) = (path, headers.count != 1)
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
                place = .draft(try Draft(for: target, owner: owner))
            }
            let json = isOfSeveral
                ? try JSONEncoder().encode(headers) : try JSONEncoder().encode(headers[0])
            var start = Data(magic + [isOfSeveral ? 2 : 1])
            append(UInt32(json.count), to: &start)
            self.start = start + json
            // One that may go on for another has to be told where first.
            if owner == nil { try begin() }
        }

        private func begin() throws {
            guard let start else { return }
            self.start = nil
            if case .draft(let draft) = place {
                try draft.claim()
                if draft.size > 0 { try draft.truncate(to: 0) }
            }
            try write(start)
        }

        /// Goes on behind the first so many bytes, and forgets the others. Comes before the first message.
        package func resume(at size: Int) throws {
            guard case .draft(let draft) = place, size > 0 else { return }
            try draft.claim()
            if draft.size >= size {
                try draft.truncate(to: size)
            } else if try Draft.place(path).size >= size {
                draft.remove()
                isDone = true
            } else {
                throw RecordingError(
                    "what was recorded before the process ended is gone from \(draft.path)")
            }
            (start, bytes) = (nil, size)
        }

        /// Says that the recording is whole, and puts it in its place.
        package func finish() throws {
            guard !isDone else { return }
            try begin()
            if isOfSeveral {
                var end = Data()
                append(endMark, to: &end)
                try write(end)
            }
            try publish()
        }

        private func publish() throws { if case .draft(let draft) = place { try draft.publish() } }

        /// Takes away what there is.
        package func discard() { if case .draft(let draft) = place { draft.remove() } }

        /// The file that it is in until it is finished; nil for a pipe.
        package var draftPath: String? {
            if case .draft(let draft) = place { draft.path } else { nil }
        }

        /// - Parameters:
        ///   - payload: the tensor's numbers.
        ///   - index: of the output among those of the recording.
        package func write(
            _ type: ElementType, _ shape: [Int], _ stamp: Stamp, _ payload: UnsafeRawBufferPointer,
            of index: Int = 0
        ) throws {
            guard !isDone else { return }
            try begin()
            var head = Data()
            append(mark, to: &head)
            if isOfSeveral { append(UInt32(index), to: &head) }
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
        /// One for each output that was recorded.
        package let headers: [Header]
        /// Whether the file broke off, so that messages are missing at its end; known when all were read.
        package private(set) var isCutShort = false
        private let isOfSeveral: Bool
        private let file: FileHandle
        private let path: String

        package init(path: String) throws {
            guard let file = FileHandle(forReadingAtPath: path) else {
                throw RecordingError("\(path) cannot be read")
            }
            self.file = file
            self.path = path
            let start = try file.read(upToCount: magic.count + 5) ?? Data()
            guard start.count == magic.count + 5, Array(start.prefix(magic.count)) == magic else {
                throw RecordingError(
                    "\(path) is no recording: 'personalive record' and the node 'record' make such files")
            }
            let version = start[start.startIndex + magic.count]
            guard versions.contains(version) else {
                throw RecordingError(
                    "\(path) is a recording of version \(version), and those up to "
                        + "\(versions.upperBound) can be read: take a newer personalive, or record it again")
            }
            isOfSeveral = version > 1
            let length = Int(Self.number(UInt32.self, start, at: magic.count + 1))
            let json = length <= longestHeader ? try file.read(upToCount: length) ?? Data() : Data()
            let several = try? JSONDecoder().decode([Header].self, from: json)
            let one = try? JSONDecoder().decode(Header.self, from: json)
            guard let headers = isOfSeveral ? several : one.map({ [$0] }) else {
                throw RecordingError("\(path) is a recording whose first lines are damaged")
            }
            self.headers = headers
        }

        deinit { try? file.close() }

        /// The next message, or nil at the end; one that breaks off counts as the end.
        package func next() throws -> Message? { try nextOfAny()?.message }

        /// The next message of any output, with the output's place among ``headers``.
        ///
        /// - Parameter allocate: gives memory for so many bytes of an output.
        package func nextOfAny(
            allocate: (Int, Int) -> TensorMemory = { TensorMemory(byteCount: $1) }
        ) throws -> (index: Int, message: Message)? {
            var index = 0
            if isOfSeveral {
                let start = try file.read(upToCount: 8) ?? Data()
                if start.count >= 4, Self.number(UInt32.self, start, at: 0) == endMark { return nil }
                guard start.count == 8 else { return breakOff() }
                index = Int(Self.number(UInt32.self, start, at: 4))
                guard Self.number(UInt32.self, start, at: 0) == mark, index < headers.count else {
                    throw RecordingError(
                        "\(path) is damaged: a message does not begin where one is due")
                }
            }
            guard let message = try message(afterMark: isOfSeveral, { allocate(index, $0) }) else {
                return nil
            }
            return (index, message)
        }

        private func breakOff<Result>() -> Result? {
            isCutShort = true
            return nil
        }

        private func message(
            afterMark isMarked: Bool, _ allocate: (Int) -> TensorMemory
        ) throws -> Message? {
            let fixed = 48
            let rest = try file.read(upToCount: isMarked ? fixed - 4 : fixed) ?? Data()
            if rest.isEmpty, !isMarked { return nil }
            let head = isMarked ? Self.markBytes + rest : rest
            guard head.count == fixed else { return breakOff() }
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
            else { return breakOff() }
            let shape = (0..<rank).map { Int(clamping: Self.number(UInt64.self, axes, at: 8 * $0)) }
            let bytes = Int(clamping: Self.number(UInt64.self, axes, at: 8 * rank))
            guard let expected = Self.bytes(type, shape), expected == bytes else {
                throw damaged("\(bytes) bytes for \(type.name) \(shape)")
            }
            let payload = bytes == 0 ? Data() : try file.read(upToCount: bytes) ?? Data()
            guard payload.count == bytes else { return breakOff() }
            let memory = allocate(bytes)
            payload.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(start: memory.base, count: bytes).copyMemory(from: $0)
            }
            return Message(AnyTensor(elementType: type, shape: shape, memory: memory), stamp)
        }

        private static let markBytes = withUnsafeBytes(of: mark.littleEndian) { Data($0) }

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
