import Glibc
import Marks
import Tensors

/// What the marks of a film or picture say: of ours or of anyone's.
package struct MarkReport: Sendable {
    /// The file or address, without passwords.
    package let path: String
    /// Frames that were searched.
    package let frames: Int
    package let watermark: WatermarkFinding
    /// The corner with the sign, if it was found, and how similar the most similar corner is to one.
    package let signCorner: VisibleSign.Corner?
    package let signSimilarity: Double
    /// The IPTC's digital source type that the file names, or nil. Addresses are not asked for it.
    package let sourceType: String?
    /// That of a file of this machine.
    package let signature: SignatureReport

    /// Reads a film from its start.
    ///
    /// - Parameters:
    ///   - limit: so many frames at most.
    ///   - signText: what the sign is expected to say.
    /// - Throws: ``MediaError`` when there is no frame to be had.
    package init(
        of path: String, limit: Int, signText: String = VisibleSign().text, threads: Int = 1
    ) throws(MediaError) {
        var watermark = WatermarkDetector()
        var sign = SignDetector(text: signText)
        var frames = 0
        func take(_ frame: Tensor<UInt8>, at presentation: Int64) {
            watermark.add(frame)
            sign.add(frame, at: presentation)
            frames += 1
        }
        do {
            let reader = try VideoReader(path: path, frameLimit: limit, threads: threads)
            let frame = Tensor<UInt8>(uninitialized: reader.shape)
            while let item = try reader.next() {
                guard case .frame(let time) = item else { continue }
                try reader.copyFrame(into: frame)
                take(frame, at: time.presentation)
            }
        } catch {
            // What is no film may still be a picture; if not, the first reason is the better one. A film
            // that breaks off is judged by what there is of it.
            if frames == 0 {
                guard let picture = try? ImageReader.read(path) else { throw error }
                take(picture, at: 0)
            }
        }
        self.path = path.withoutPasswords
        self.frames = frames
        self.watermark = watermark.finish()
        (signCorner, signSimilarity) = sign.finish()
        sourceType = Self.sourceType(in: path)
        signature = SignatureReport(of: path)
    }

    /// Whether anything says that a network made the pictures.
    package var isMarked: Bool {
        var types = [sourceType].compactMap { $0 }
        if case .checked(let details) = signature { types += details.sourceTypes }
        return watermark.isFound || signCorner != nil
            || types.contains { $0.lowercased().contains("trainedalgorithmicmedia") }
    }

    /// Whether the file was changed since it was signed, or its signature is not what it says.
    package var isBroken: Bool {
        guard case .checked(let details) = signature else { return false }
        return !details.holds
    }

    /// How many bytes of a file's beginning, and of its end, are searched for its label.
    private static let searched = 1 << 20

    /// What follows the address of the IPTC's list of source types anywhere in the file's first or last
    /// megabyte: XMP, metadata and manifests of C2PA all have it as text.
    private static func sourceType(in path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        let size = Int(status.st_size)
        for start in [0, max(size - searched, 0)] {
            var bytes = [UInt8](repeating: 0, count: min(searched, size))
            let count = pread(descriptor, &bytes, bytes.count, off_t(start))
            guard count > 0 else { continue }
            if let type = sourceType(in: bytes[..<count]) { return type }
        }
        return nil
    }

    package static func sourceType(in bytes: ArraySlice<UInt8>) -> String? {
        let prefix = Array("cv.iptc.org/newscodes/digitalsourcetype/".utf8)
        guard let found = bytes.firstRange(of: prefix) else { return nil }
        let rest = bytes[found.upperBound...].prefix(64)
        let word = rest.prefix { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        }
        return word.isEmpty ? nil : String(decoding: word, as: UTF8.self)
    }
}
