import Glibc
import Wire

/// What has been written of a journal, for another machine: the file is sparse, and mostly empty.
enum JournalCopy {
    /// Small enough that life signs get through between two parts.
    private static let partSize = 1 << 20
    /// `SEEK_DATA` and `SEEK_HOLE` of Linux's `lseek`, which the C library shows to GNU sources only.
    private static let (toData, toHole): (Int32, Int32) = (3, 4)

    /// Hands over every written part with its offset; one at least, which says that it begins.
    static func read(_ journal: Int32, part: (Int, [UInt8]) -> Void) {
        part(0, [])
        var at: off_t = 0
        while case let start = lseek(journal, at, toData), start >= 0 {
            let end = lseek(journal, start, toHole)
            guard end > start else { return }
            at = start
            while at < end {
                var bytes = [UInt8](repeating: 0, count: min(partSize, Int(end - at)))
                let count = pread(journal, &bytes, bytes.count, at)
                guard count > 0 else { return }
                part(Int(at), Array(bytes[..<count]))
                at += off_t(count)
            }
        }
    }

    /// Writes one part; the one without bytes empties the journal before.
    static func write(_ bytes: [UInt8], at offset: Int, to journal: Int32) {
        if bytes.isEmpty {
            ftruncate(journal, 0)
            ftruncate(journal, off_t(Journal.capacity))
            return
        }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(journal, $0.baseAddress! + done, $0.count - done, off_t(offset + done))
            }
            guard count > 0 else { return }
            done += count
        }
    }
}
