import CFFmpeg

/// An address on the network, such as `rtsp://camera/stream`, that libavformat reads.
package struct MediaAddress: Equatable, Sendable {
    /// The address as it was given, passwords included.
    let text: String

    /// The address as people may see it: with `…` for passwords.
    package var shown: String { text.withoutPasswords }

    /// The word before `://`, in small letters.
    private let scheme: String

    /// Takes a text for an address when it begins like one: `http://`, `srt://`, but not `http:x.png`.
    ///
    /// `file://` is none: that is a file of this machine.
    package init?(_ text: String) {
        guard let scheme = Self.scheme(of: text), scheme != "file" else { return nil }
        self.text = text
        self.scheme = scheme
    }

    /// The word before `://` in small letters, if there is one (RFC 3986, section 3.1).
    static func scheme(of text: String) -> String? {
        guard let end = text.firstRange(of: "://") else { return nil }
        let scheme = text[..<end.lowerBound].lowercased()
        let isScheme = scheme.utf8.allSatisfy { byte in
            let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            return isLetter || isDigit || "+-.".utf8.contains(byte)
        }
        return isScheme && scheme.first?.isLetter == true ? scheme : nil
    }

    /// What libavformat is told besides the address.
    func options(timeout: Int64, isLive: Bool) -> Options {
        let microseconds = "\(timeout / 1_000)"
        var options = Options(["rw_timeout": microseconds])
        func set(_ key: String, _ value: String) { av_dict_set(&options.pointer, key, value, 0) }
        switch scheme {
        case "rtsp", "rtsps":
            // Elsewhere `timeout` is for servers. UDP is often blocked, and then nothing would come.
            set("timeout", microseconds)
            set("rtsp_flags", "prefer_tcp")
        case "http", "https":
            // A live stream is opened anew by the camera, with a sentence.
            guard !isLive else { break }
            set("reconnect", "1")
            set("reconnect_delay_max", "4")
        default: break
        }
        if isLive { set("analyzeduration", "2000000") }
        return options
    }
}

extension String {
    /// The text with `…` for the passwords of all addresses in it.
    var withoutPasswords: String {
        var shown = self
        shown.replace(#/(?<head>:\/\/[^\/\s:@?#]*):[^\/\s?#]*@/#) { "\($0.output.head):…@" }
        shown.replace(
            #/(?<head>[?&](?:[A-Za-z0-9_\-]*)(?:pass|passwd|password|pwd|token|secret|key|sig|signature)=)[^&\s#]+/#
                .ignoresCase()
        ) { "\($0.output.head)…" }
        return shown
    }
}
