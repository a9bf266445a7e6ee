import Tensors

/// What makes a file, or files, of frames and sound. A writer belongs to one thread.
package protocol FrameWriter: AnyObject {
    /// The finished film or folder.
    var path: String { get }

    /// What a person should know, since the last call.
    func takeWarnings() -> [String]

    /// Appends a frame `[1, h, w, 3]`; times in nanoseconds. Frames come in the order of time.
    func write(_ frame: Tensor<UInt8>, presentation: Int64, duration: Int64) throws(MediaError)

    /// Appends a packet of sound, whose times count from the same start as the frames'.
    func write(_ packet: AudioPacket) throws(MediaError)

    /// The newest place from which another process can go on, if there is a new one.
    func savePoint() -> FilmSavePoint?

    /// Goes on from such a place. Comes before the first frame.
    func resume(from bytes: [UInt8]) throws(MediaError)

    /// Completes what was begun and puts it at its place.
    ///
    /// - Throws: ``MediaError/nothingToWrite(path:)`` when there was no frame; nothing is left then.
    @discardableResult
    func finish() throws(MediaError) -> FilmSummary
}

/// What was written.
package struct FilmSummary: Equatable, Sendable {
    package var path: String
    package var frames: Int
    /// Nanoseconds from the stream's start to the end of the last frame.
    package var end: Int64
    package var width: Int, height: Int
}

/// What another process needs to go on, and how many of the newest frames and packets of sound are
/// not in it.
package struct FilmSavePoint {
    package let bytes: [UInt8]
    package let missing: Int
}

/// Makes the writer that a path asks for: a folder of pictures if it ends in "/", else a film.
///
/// - Parameter owner: who writes it, whichever process that is; nil when it is this process alone.
package func makeFrameWriter(
    path: String, options: VideoWriterOptions = VideoWriterOptions(), owner: String? = nil
) throws(MediaError) -> any FrameWriter {
    path.hasSuffix("/")
        ? try PictureFolder(
            path: path, labelsAIGenerated: options.labelsAIGenerated, marks: options.marks,
            owner: owner)
        : try VideoWriter(path: path, options: options, owner: owner)
}
