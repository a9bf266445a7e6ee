/// What can go wrong with pictures, films, sound and cameras.
package enum MediaError: Error, Equatable {
    /// There is no such file.
    case missing(path: String, needed: String)
    /// The file is there but may not be read.
    case unreadable(path: String, reason: String)
    /// The file is something else than what was asked for.
    case notMedia(path: String, found: String, needed: String)
    /// The file starts well, but cannot be decoded.
    case damaged(path: String, found: String, needed: String)
    /// A file that has streams, but none with moving pictures.
    case noVideo(path: String, found: String)
    /// A video stream without a single frame that can be shown.
    case noFrames(path: String, found: String)
    /// An address on the network that gives nothing, or no more.
    case unreachable(address: String, reason: String)
    /// A picture in a format, or of a size, that is not read here; `advice` is a way out.
    case unsupported(path: String, found: String, advice: String)
    /// A camera that cannot be used.
    case camera(device: String, reason: String, advice: String)
    /// A microphone or loudspeaker that cannot be used.
    case soundDevice(device: String, reason: String, advice: String)
    /// Output that could not be written; `kept` is the file that holds what was written so far.
    case cannotWrite(path: String, reason: String, kept: String?)
    /// The stream ended before its first frame, so there is no film to write.
    case nothingToWrite(path: String)
    /// Bytes that should be an audio packet and are not.
    case badAudioPacket(reason: String)
    /// Bytes that should be a packet of a live stream and are not.
    case badFilmPacket(reason: String)
    /// A place that nothing can be sent to.
    case badAddress(address: String, reason: String)
    /// A server or file that takes nothing, or no more; without keys and passwords.
    case cannotSend(address: String, reason: String)
    /// A call of FFmpeg that failed, with the library's own words.
    case failed(call: String, argument: String, reason: String)
}

extension MediaError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let path, let needed):
            "\(path): no such file; \(needed) is needed"
        case .unreadable(let path, let reason):
            "\(path) cannot be read: \(reason)"
        case .notMedia(let path, let found, let needed):
            "\(path) is \(found), but \(needed) is needed"
        case .damaged(let path, let found, let needed):
            "\(path) is damaged: \(found); \(needed) is needed"
        case .noVideo(let path, let found):
            "\(path) has no video stream (\(found)), but moving pictures are needed"
        case .noFrames(let path, let found):
            "\(path) has a video stream without any frame that can be shown (\(found))"
        case .unreachable(let address, let reason):
            "\(address) cannot be read: \(reason); is the address right, and does its server run?"
        case .unsupported(let path, let found, let advice):
            "\(path) is \(found); \(advice)"
        case .camera(let device, let reason, let advice):
            "camera \(device): \(reason); \(advice)"
        case .soundDevice(let device, let reason, let advice):
            "sound device \(device): \(reason); \(advice)"
        case .cannotWrite(let path, let reason, let kept):
            "\(path) cannot be written: \(reason)"
                + (kept.map { "; what was written so far is in \($0) and can be played" } ?? "")
        case .nothingToWrite(let path):
            "\(path) was not written: the stream ended before its first frame"
        case .badAudioPacket(let reason):
            "malformed audio packet: \(reason)"
        case .badFilmPacket(let reason):
            "malformed film packet: \(reason)"
        case .badAddress(let address, let reason):
            "\(address) cannot be sent to: \(reason)"
        case .cannotSend(let address, let reason):
            "\(address) cannot be sent to: \(reason); is the address right, and does its server run?"
        case .failed(let call, let argument, let reason):
            "\(call)(\(argument)): \(reason)"
        }
    }
}
