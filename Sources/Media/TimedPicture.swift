/// A decoded frame and when it is shown.
struct TimedPicture {
    let picture: Picture
    /// Nanoseconds from the start of the shown stream; nil when the file does not say.
    var time: Int64?
    /// How long the file says that it is shown, nanoseconds, or 0.
    var duration: Int64
}
