import CFFmpeg
import Glibc
import Synchronization

/// FFmpeg's own words: error codes as text, and what it logs instead of returning.
enum FFmpeg {
    private static let complaints = Mutex<[String]>([])
    private static let ready: Void = {
        av_log_set_callback { _, level, format, arguments in
            guard level <= AV_LOG_ERROR, let format, let arguments else { return }
            FFmpeg.note(format, arguments)
        }
    }()

    private static let devices: Bool = ff_load_devices() != 0

    /// Makes cameras known; false where libavdevice is not installed.
    static func prepareDevices() -> Bool { devices }

    /// Forgets earlier complaints; call before opening anything.
    static func prepare() {
        _ = ready
        complaints.withLock { $0.removeAll() }
    }

    /// Keeps an error message for ``reason(_:)`` instead of printing it.
    private static func note(_ format: UnsafePointer<CChar>, _ arguments: CVaListPointer) {
        var text = [CChar](repeating: 0, count: 512)
        vsnprintf(&text, text.count, format, arguments)
        let line = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            .trimmed.withoutPasswords
        guard !line.isEmpty else { return }
        complaints.withLock { lines in
            if lines.count == 8 { lines.removeFirst() }
            lines.append(line)
        }
    }

    /// An error code as words, with the last thing that the library said about it.
    ///
    /// - Parameter isNetwork: whether 'Input/output error' says nothing, since a server's answer was logged.
    static func reason(_ code: Int32, isNetwork: Bool = false) -> String {
        var text = [CChar](repeating: 0, count: 256)
        av_strerror(code, &text, text.count)
        let words = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        // The system's own errors (a full disk) need no comment; the vague ones do.
        let isVague = code < -4_096 || code == -EINVAL || code == -EPERM
            || isNetwork && code == -EIO
        guard isVague else { return words }
        // What a protocol says first is why it failed; those around it add that they did.
        let said = complaints.withLock { isNetwork ? $0.first : $0.last }
        return said.map { "\(words) (\($0))" } ?? words
    }

    /// Throws when a call returned an error code.
    @discardableResult
    static func check(_ code: Int32, _ call: String, _ argument: String) throws(MediaError) -> Int32
    {
        if code < 0 {
            throw .failed(call: call, argument: argument, reason: reason(code))
        }
        return code
    }

    /// Allocations fail only when memory is out, and then nothing else would work either.
    static func allocated<Pointer>(_ pointer: Pointer?) -> Pointer {
        guard let pointer else { fatalError("FFmpeg is out of memory") }
        return pointer
    }
}

extension String {
    fileprivate var trimmed: String {
        var rest = Substring(self)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        return String(rest)
    }
}

/// Options for a call that takes a dictionary.
struct Options: ~Copyable {
    var pointer: OpaquePointer?

    init(_ values: KeyValuePairs<String, String>) {
        for (key, value) in values { av_dict_set(&pointer, key, value, 0) }
    }

    deinit {
        var pointer = pointer
        av_dict_free(&pointer)
    }
}
