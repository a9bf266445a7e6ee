import Foundation

/// What the signatures of a live stream's segments say (C2PA 2.4, 19.4), checked by this code alone.
///
/// That the header is as it was signed is libc2pa_c's to say.
package struct SegmentReport: Equatable, Sendable {
    /// Segments that were looked at, and those among them whose signature holds.
    package var count = 0, holding = 0
    /// What is wrong, each with the segment's name.
    package var faults: [String] = []

    /// A key of the header's manifest.
    private struct Session {
        var key: PublicKey
        var name: [UInt8]
        var least: Int64
        /// Seconds since 1970.
        var times: ClosedRange<Int64>
    }

    private var last: Int64?

    package init() {}

    /// Checks the segments behind one header.
    ///
    /// - Parameter files: the segments, in the order of the stream.
    mutating func check(header: [UInt8], files: [(name: String, bytes: () -> [UInt8])]) {
        let store = ManifestStore(file: header)
        let sessions = store.map(Self.sessions) ?? []
        if store != nil, sessions.isEmpty {
            faults.append("the header has no session key that its signer has bound")
        }
        for segment in files {
            count += 1
            do throws(Fault) {
                let number = try Self.number(of: segment.bytes(), store, sessions)
                if let last, number <= last { throw .order(number, last) }
                if let last, number > last + 1 {
                    faults.append("\(number - last - 1) segments are missing before \(segment.name)")
                }
                last = number
                holding += 1
            } catch { faults.append("\(segment.name): \(error.description)") }
        }
    }

    private enum Fault: Error {
        case none, several, unreadable, unknownKey, signature, late, otherStream, sum, ownNumber
        case tooEarly(Int64), order(Int64, Int64)

        var description: String {
            switch self {
            case .none: "it has no signature"
            case .several: "it has more than one signature"
            case .unreadable: "its signature cannot be read"
            case .unknownKey: "it is signed with a key that is not the session's"
            case .signature: "its signature does not hold"
            case .late: "it was signed when the session's key was not valid"
            case .otherStream: "it belongs to another stream"
            case .sum: "it was changed since it was signed"
            case .ownNumber: "it has another number than the one that is signed"
            case .tooEarly(let number): "its number \(number) is from before the session"
            case .order(let number, let last): "its number \(number) does not come after \(last)"
            }
        }
    }

    private static func number(
        of segment: [UInt8], _ store: ManifestStore?, _ sessions: [Session]
    ) throws(Fault) -> Int64 {
        let list = BoxList(segment)
        let messages = list.boxes.filter { SegmentMessage.isOne($0, of: segment) }
        guard !messages.isEmpty else { throw .none }
        guard messages.count == 1 else { throw .several }
        guard list.isWhole, let message = SegmentMessage(segment[messages[0].body]),
            let signature = CBOR(message.data).flatMap({ COSESignature($0) }),
            let payload = signature.payload, let info = CBOR(payload),
            let number = info["sequenceNumber"]?.asNumber, let store
        else { throw .unreadable }
        let name = signature.unprotected[COSESignature.keyName]?.asBytes
        guard let session = sessions.first(where: { $0.name == name }) else { throw .unknownKey }
        guard signature.holds(for: session.key, over: payload) else { throw .signature }
        guard let time = signature.header?["iat"]?.asNumber, session.times.contains(time) else {
            throw .late
        }
        guard info["manifestId"]?.asText == store.active.label else { throw .otherStream }
        guard number >= max(session.least, 0) else { throw .tooEarly(number) }
        guard let binding = info["bmffHash"], binding["alg"]?.asText ?? "sha256" == "sha256",
            leavesOutMessagesOnly(binding), binding["hash"]?.asBytes == SegmentMessage.sum(of: segment)
        else { throw .sum }
        guard fragmentNumber(of: segment, list).map({ $0 == number }) ?? true else {
            throw .ownNumber
        }
        return number
    }

    /// A signed list of boxes that do not count could leave out the pictures.
    private static func leavesOutMessagesOnly(_ binding: CBOR) -> Bool {
        (binding["exclusions"]?.asArray ?? []).allSatisfy { $0["xpath"]?.asText == "/emsg" }
    }

    private static func fragmentNumber(of segment: [UInt8], _ list: BoxList) -> Int64? {
        guard let moof = list.boxes.first(where: { $0.isCalled("moof") }),
            let head = BoxList(segment[moof.body]).boxes.first(where: { $0.isCalled("mfhd") }),
            head.body.count == 8
        else { return nil }
        return segment[head.body].suffix(4).reduce(0) { $0 << 8 | Int64($1) }
    }

    /// The keys that the signer's certificate is bound to.
    private static func sessions(_ store: ManifestStore) -> [Session] {
        guard let leaf = store.leaf else { return [] }
        let keys = store.assertion("c2pa.session-keys")?["keys"]?.asArray ?? []
        return keys.compactMap { entry in
            guard let fields = entry["key"], fields[.number(1)]?.asNumber == 1,
                fields[.number(-1)]?.asNumber == 6, let name = fields[.number(2)]?.asBytes,
                let key = fields[.number(-2)]?.asBytes.flatMap({ PublicKey(ed25519: $0) }),
                let least = entry["minSequenceNumber"]?.asNumber,
                let created = entry["createdAt"]?.tagged(0)?.asText,
                let begin = try? Date(created, strategy: .iso8601),
                let start = Int64(exactly: begin.timeIntervalSince1970.rounded(.down)),
                let seconds = entry["validityPeriod"]?.asNumber, seconds > 0, seconds < 1 << 40,
                let binding = entry["signerBinding"].flatMap({ COSESignature($0) })
            else { return nil }
            // Some programs sign the certificate itself, others the byte string of it.
            let payloads = [CBOR.bytes(leaf).encoded, leaf]
            guard payloads.contains(where: { binding.holds(for: key, over: $0) }) else { return nil }
            return Session(key: key, name: name, least: least, times: start...start + seconds)
        }
    }
}
