import NodeKit

/// A stretch of a stream between two beginnings of its source.
///
/// A source that begins anew, after a swap or with other settings, counts frames and times from 0 again;
/// the stream's numbers and times go on. A flush begins an epoch, too.
struct Epoch: Equatable {
    var number: UInt32 = 0
    /// The stream's number of the frame that the source calls 0.
    var first: UInt64 = 0
    /// The stream's time when the source's begins, nanoseconds.
    var begin: Int64 = 0

    /// A source's own stamp as the stream's.
    func callAsFunction(_ own: Stamp) -> Stamp {
        var stamp = own
        stamp.frame += first
        stamp.presentation += begin
        stamp.epoch &+= number
        return stamp
    }
}
