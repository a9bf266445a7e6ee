/// Where a film's pictures and sound come from: a file or address, a folder of pictures, an animation.
protocol PictureSource: AnyObject {
    /// How the sound is coded, or nil when there is none.
    var audioFormat: AudioFormat? { get }
    /// Nanoseconds from frame to frame, as far as the source says.
    var usualInterval: Int64 { get }
    /// How many frames there should be; nil when the source gives no idea.
    var estimatedFrames: Int? { get }
    /// What was found when there was no frame at all.
    var summary: String { get }

    /// How frames are turned and stretched, after the first one.
    func orientation(of first: Picture) -> Orientation
    /// The next frame that is to be shown, or nil at the end.
    func nextPicture() throws(MediaError) -> TimedPicture?
    /// The oldest packet of sound that is heard at `time` (nanoseconds) or before; at `.max`, any.
    func takeAudio(until time: Int64) -> AudioPacket?
    /// How long the last frame is shown, which `time` says the beginning of.
    func lastDuration(of picture: TimedPicture, at time: Int64, interval: Int64) -> Int64
    /// Says so when the source ends before it should, after so many frames.
    func warnIfShort(end: Int64, frames: Int)
    /// Adds a warning, which gets the source's name.
    func warn(_ text: String)
    func takeWarnings() -> [String]
}
