import CFFmpeg
import Foundation
import Glibc
import Marks

/// Sends the packets of a live stream to one place, in a thread of its own, and connects again whenever
/// the connection breaks: the thread that gives it packets never waits, and never gets an error.
///
/// A file that breaks off (a full disk) is left as it is, unless no picture is in it, and another one is
/// begun beside it.
package final class StreamWriter: @unchecked Sendable {
    // Unchecked because every stored variable is guarded by the condition, but for what only the sending
    // thread uses.

    package struct Options: Sendable {
        /// Nanoseconds that a call may wait for the other end.
        package var timeout: Int64 = 5_000_000_000
        /// Nanoseconds of pictures that wait at most.
        package var buffer: Int64 = 2_000_000_000
        /// Nanoseconds for which SRT's receiver waits for what was lost.
        package var latency: Int64 = 120_000_000
        /// What signs a file of mp4 whose pictures were made so; nil for files without a signature.
        package var signer: (@Sendable (WatermarkPayload.Kind) throws(SigningError) -> SegmentSigner)?

        package init() {}
    }

    /// What there is to know of it now.
    package struct Figures: Sendable {
        package var connections = 0
        /// Pictures that were sent, and bytes of them and their sound.
        package var sent = 0
        package var bytes = 0
        /// How old the last picture was when it was sent, ms, and how much waits, ms.
        package var age = 0.0
        package var waiting = 0.0
    }

    private let address: StreamAddress
    private let options: Options
    private let patience: Patience
    private let condition = NSCondition()
    private var life = StreamLife()
    private var queue: GroupQueue
    /// What was taken from the queue and is being sent.
    private var underWay: GroupQueue.Item?
    private var drops: [GroupQueue.Drop] = []
    private var warnings: [String] = []
    private var figures = Figures()
    /// Until when what waits may still be sent, once nothing more comes.
    private var finishBy: Int64?
    private var firstAt: Int64?
    private var isOver = false
    /// The file that is written now, and its bytes before the first picture; for the sending thread alone.
    private var file: (path: String, header: Int64, hasPictures: Bool)?
    /// What counts as sent and is not in the file yet, at the end; for the sending thread alone.
    private var unwritten: [GroupQueue.Item] = []
    /// The last name that was told, since the address's own was taken.
    private var otherName: String?

    /// Sound that belongs to the stream and has not come by then is left out, nanoseconds.
    private static let soundPatience: Int64 = 2_000_000_000

    package init(_ address: StreamAddress, _ options: Options = Options()) {
        (self.address, self.options) = (address, options)
        patience = Patience(options.timeout, fault: "nothing was taken or answered")
        queue = GroupQueue(limit: options.buffer)
        let thread = Thread { [self] in run() }
        thread.name = "stream"
        thread.stackSize = 4 << 20
        thread.start()
    }

    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        condition.lock()
        defer { condition.unlock() }
        return try body()
    }

    // MARK: The thread that gives packets

    /// Sends a packet when its turn comes.
    package func send(_ packet: FilmPacket, frame: UInt64, captured: Int64) {
        locked {
            drops += queue.add(.init(packet, frame: frame, captured: captured))
            condition.signal()
        }
    }

    /// Frames that go no further, since the last call.
    package func takeDrops() -> [GroupQueue.Drop] {
        locked {
            defer { drops = [] }
            return drops
        }
    }

    /// What a person should know, since the last call.
    package func takeWarnings() -> [String] {
        locked {
            defer { warnings = [] }
            return warnings
        }
    }

    /// What it does now, in words.
    package var state: String {
        locked { life.words(of: address.shown, at: MonotonicClock.now) }
    }

    package var current: Figures {
        locked {
            var figures = figures
            (figures.connections, figures.waiting) = (life.connections, Double(queue.span) / 1e6)
            return figures
        }
    }

    /// Sends what waits, should there be a connection, and ends it; frames that stay are dropped.
    ///
    /// - Parameter limit: nanoseconds that it may take.
    package func finish(within limit: Int64) {
        locked {
            finishBy = MonotonicClock.now + limit
            patience.limit(to: finishBy!)
            // Nothing is gained by a connection that nothing will go over.
            if !life.isSending { patience.end() }
            condition.signal()
            let deadline = Date(timeIntervalSinceNow: Double(limit) / 1e9)
            while !isOver, condition.wait(until: deadline) {}
            // A name server may be asked for longer than that: the process ends all the same.
            life.apply(.finished, at: MonotonicClock.now)
            putBack()
            drops += queue.end()
        }
    }

    // MARK: The thread that sends

    private enum Step {
        case connect(FilmPacket, AudioFormat?)
        case send(GroupQueue.Item)
        case finish
    }

    private func run() {
        var target: (any StreamTarget)?
        while true {
            switch nextStep() {
            case .connect(let first, let sound):
                do throws(MediaError) {
                    let path = try filePath()
                    file = path.map { ($0, 0, false) }
                    target = try makeTarget(path, first, sound)
                    file = path.map { ($0, Self.size(of: $0), false) }
                    locked {
                        queue.begin()
                        life.apply(.connected, at: MonotonicClock.now)
                    }
                } catch { fail(error) }
            case .send(let item):
                guard let open = target else { continue }
                guard open.takes(item.packet) else {
                    // Another encoder, whose parameters are not those that were said at the beginning.
                    target = nil
                    do { try open.finish() } catch { dropUnwritten(of: open) }
                    locked { putBack() }
                    fail(
                        .cannotSend(address: address.shown, reason: "the pictures' format changed"))
                    continue
                }
                do throws(MediaError) {
                    try open.write(item.packet)
                    noteSent(item)
                    unwritten.append(item)
                    unwritten.removeFirst(max(unwritten.count - open.unwritten, 0))
                } catch {
                    target = nil
                    dropUnwritten(of: open)
                    locked { putBack() }
                    fail(error)
                }
            case .finish:
                if let open = target {
                    do throws(MediaError) { try open.finish() } catch {
                        dropUnwritten(of: open)
                        let reason = reason(of: error)
                        locked { warnings.append("\(address.shown) did not end well: \(reason)") }
                    }
                    removeEmptyFile()
                }
                return locked {
                    isOver = true
                    condition.broadcast()
                }
            }
        }
    }

    private func makeTarget(
        _ path: String?, _ first: FilmPacket, _ sound: AudioFormat?
    ) throws(MediaError) -> any StreamTarget {
        guard let path, address.form == .mp4 else {
            return try StreamMuxer(
                address, path: path, first: first, sound: sound, latency: options.latency,
                patience: patience)
        }
        let file = try FragmentFile(path, first: first, sound: sound, signer: signer(for: first))
        if let fault = file.signingFault { warnNotSigned(fault) }
        return file
    }

    /// Nil where pictures have no label, and where they cannot be signed: no film waits for its signature.
    private func signer(for first: FilmPacket) -> SegmentSigner? {
        guard first.flags.contains(.labelled), let make = options.signer else { return nil }
        do throws(SigningError) {
            return try make(first.flags.contains(.composite) ? .composite : .synthetic)
        } catch {
            warnNotSigned(error)
            return nil
        }
    }

    private func warnNotSigned(_ fault: SigningError) {
        locked { warnings.append("\(address.shown) is not signed: \(fault)") }
    }

    /// Waits for the next thing to do.
    private func nextStep() -> Step {
        locked {
            while true {
                let now = MonotonicClock.now
                life.apply(.tick, at: now)
                if let finishBy, !life.isSending || queue.isEmpty || now > finishBy {
                    return .finish
                }
                if !queue.isEmpty { firstAt = firstAt ?? now }
                switch life.state {
                case .waiting:
                    if !queue.isEmpty {
                        life.apply(.begun, at: now)
                        continue
                    }
                case .connecting:
                    if let first = queue.first?.packet, first.isKey, hasSoundOrNone(first, now) {
                        return .connect(first, first.flags.contains(.hasSound) ? queue.sound : nil)
                    }
                case .sending:
                    if let item = queue.take() {
                        underWay = item
                        return .send(item)
                    }
                case .pausing, .ended: break
                }
                _ = condition.wait(until: Date(timeIntervalSinceNow: wait(now)))
            }
        }
    }

    /// What is under way was not sent, or not known to be when the time was over.
    private func putBack() {
        if let item = underWay { queue.putBack(item) }
        underWay = nil
    }

    private func wait(_ now: Int64) -> Double {
        switch life.state {
        case .pausing(let until, _, _): max(Double(until - now) / 1e9, 0.001)
        case .connecting: 0.05
        default: 1
        }
    }

    /// Whether how the sound is coded is known, or it is not waited for any longer.
    private func hasSoundOrNone(_ first: FilmPacket, _ now: Int64) -> Bool {
        guard first.flags.contains(.hasSound), queue.sound == nil else { return true }
        guard now - (firstAt ?? now) > Self.soundPatience else { return false }
        let text = "no sound came for 2 s: the stream begins without it"
        if !warnings.contains(text) { warnings.append(text) }
        return true
    }

    private func noteSent(_ item: GroupQueue.Item) {
        file?.hasPictures = true
        locked {
            // After the end it counts as dropped already.
            guard underWay != nil else { return }
            underWay = nil
            figures.sent += 1
            figures.bytes +=
                item.packet.picture.count
                + item.packet.sounds.reduce(0) { $0 + $1.data.count }
            figures.age = Double(MonotonicClock.now - item.captured) / 1e6
        }
    }

    /// The file broke off before a group of pictures was in it.
    private func dropUnwritten(of target: any StreamTarget) {
        let lost = unwritten.suffix(target.unwritten)
        unwritten = []
        locked {
            drops += GroupQueue.drops(lost, GroupQueue.notWritten)
            figures.sent -= lost.count
        }
    }

    private func fail(_ error: MediaError) {
        removeEmptyFile()
        let reason = reason(of: error)
        locked {
            let (wasSending, outages) = (life.isSending, life.outages)
            life.apply(.failed(reason, jitter: .random(in: 0...1)), at: MonotonicClock.now)
            // Once for an outage, however often it is tried.
            if life.outages > outages {
                let text = wasSending ? "lost" : "no connection to"
                let next = finishBy == nil ? "; it is tried again and again" : ""
                warnings.append("\(text) \(address.shown): \(reason)\(next)")
            }
            drops += queue.hold()
        }
    }

    private func reason(of error: MediaError) -> String {
        if case .cannotSend(_, let reason) = error { return reason }
        return address.cleaned("\(error)")
    }

    /// Removes the file that broke off or ended, should no picture be in it: each try on a full disk would
    /// leave one.
    private func removeEmptyFile() {
        guard let (path, header, hasPictures) = file else { return }
        file = nil
        // A picture that was taken may still have been in memory.
        if !hasPictures || Self.size(of: path) <= header { unlink(path) }
    }

    private static func size(of path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// The file to write next: what is there is never written over.
    private func filePath() throws(MediaError) -> String? {
        guard let path = address.file else { return nil }
        let dot = path.lastIndex(of: ".") ?? path.endIndex
        for number in 1...9999 {
            let name = number == 1 ? path : "\(path[..<dot])-\(number)\(path[dot...])"
            let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            if descriptor >= 0 {
                close(descriptor)
                if number > 1, name != otherName {
                    otherName = name
                    locked { warnings.append("\(path) is there already: writing \(name)") }
                }
                return name
            }
            guard errno == EEXIST else {
                throw .cannotSend(address: path, reason: String(cString: strerror(errno)))
            }
        }
        throw .cannotSend(address: path, reason: "9999 files of that name are there")
    }
}
