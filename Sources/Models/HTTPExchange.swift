import CCurl
import Foundation

/// One request over HTTP and its answer; redirections are answers like any other.
///
/// The only file that speaks to libcurl.
final class HTTPExchange {
    /// Status and headers, known before the first byte of the body.
    struct Answer {
        var status = 0
        /// By their names in small letters.
        var headers: [String: String] = [:]
    }

    enum Failure: Error {
        /// The body's taker wanted no more.
        case stopped
        /// Asking again may help.
        case broken(String)
        case failed(String)
    }

    private var answer = Answer()
    private let take: (Answer, UnsafeRawBufferPointer) -> Bool

    private init(_ take: @escaping (Answer, UnsafeRawBufferPointer) -> Bool) { self.take = take }

    /// Makes a request and waits for its end.
    ///
    /// - Parameters:
    ///   - isHead: only the headers are wanted.
    ///   - take: gets the body piece by piece; false ends the transfer.
    static func fetch(
        _ url: URL, headers: [String], isHead: Bool = false,
        _ take: @escaping (Answer, UnsafeRawBufferPointer) -> Bool = { _, _ in true }
    ) throws(Failure) -> Answer {
        let exchange = HTTPExchange(take)
        var result = curl_answer()
        let lines = headers.map { strdup($0) }
        defer { lines.forEach { free($0) } }
        url.absoluteString.withCString { url in
            (lines.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { lines in
                var request = curl_request(
                    url: url, headers: lines.baseAddress, head_only: isHead ? 1 : 0,
                    stall_seconds: 30, on_header: Self.onHeader, on_body: Self.onBody,
                    context: Unmanaged.passUnretained(exchange).toOpaque())
                withExtendedLifetime(exchange) { curl_fetch(&request, &result) }
            }
        }
        let message = withUnsafeBytes(of: result.message) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        switch result.outcome {
        case CURL_SHIM_DONE: return exchange.answer
        case CURL_SHIM_STOPPED: throw .stopped
        case CURL_SHIM_BROKEN: throw .broken(message)
        default: throw .failed(message)
        }
    }

    private static let onHeader:
        @convention(c) (UnsafePointer<CChar>?, Int, UnsafeMutableRawPointer?) -> Int = {
            line, count, context in
            guard let line, let context else { return 0 }
            let text = String(
                decoding: UnsafeRawBufferPointer(start: line, count: count), as: UTF8.self)
            Unmanaged<HTTPExchange>.fromOpaque(context).takeUnretainedValue().add(header: text)
            return count
        }

    private static let onBody:
        @convention(c) (UnsafePointer<CChar>?, Int, UnsafeMutableRawPointer?) -> Int = {
            bytes, count, context in
            guard let context else { return 0 }
            let exchange = Unmanaged<HTTPExchange>.fromOpaque(context).takeUnretainedValue()
            let goesOn = exchange.take(
                exchange.answer, UnsafeRawBufferPointer(start: bytes, count: count))
            return goesOn ? count : 0
        }

    private func add(header line: String) {
        if line.hasPrefix("HTTP/") {
            let words = line.split(whereSeparator: \.isWhitespace)
            answer = Answer(status: words.count > 1 ? Int(words[1]) ?? 0 : 0)
        } else if let colon = line.firstIndex(of: ":") {
            answer.headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }
}
