/// One line of the list that a sink writes.
struct Arrival: Equatable {
    let frame: UInt64
    /// Of the bytes of each input.
    let hashes: [Substring]
    /// Nanoseconds of the monotonic clock.
    let time: Int64

    /// The whole lines of a list.
    static func list(_ text: String) -> [Arrival] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count >= 3, let frame = UInt64(words[0]), let time = Int64(words.last!)
            else {
                return nil
            }
            return Arrival(frame: frame, hashes: Array(words[1..<(words.count - 1)]), time: time)
        }
    }
}
