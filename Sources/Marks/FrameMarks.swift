import Tensors

/// Which marks the pictures of a film or stream get.
package struct MarkOptions: Equatable, Sendable {
    /// What the invisible mark says.
    package var payload: WatermarkPayload?
    /// The sign that people see.
    package var sign: VisibleSign?
    /// Whether a finished file is signed, with the user's key.
    package var isSigned: Bool
    /// The run's folder, a slash and the node; nil outside of a run.
    private var owner: String?

    /// For pictures that were not made by a network.
    package static let none = MarkOptions(payload: nil, sign: nil, isSigned: false)

    package init(
        payload: WatermarkPayload? = WatermarkPayload(run: 0), sign: VisibleSign? = VisibleSign(),
        isSigned: Bool = false
    ) {
        (self.payload, self.sign, self.isSigned) = (payload, sign, isSigned)
    }

    /// How the pictures were made, as watermark, label and signature say it.
    package var kind: WatermarkPayload.Kind { payload?.kind ?? .synthetic }

    /// The same options for one run, whichever of its nodes and processes has them.
    ///
    /// - Parameter owner: the run's folder, a slash and the node.
    package func forRun(_ owner: String?) -> MarkOptions {
        guard let owner, payload != nil || isSigned else { return self }
        var copy = self
        copy.owner = owner
        let folder = owner[..<(owner.lastIndex(of: "/") ?? owner.endIndex)]
        copy.payload?.run = WatermarkPayload.run(of: String(folder))
        return copy
    }

    /// What signs files of such an ending, as what the run's pictures are made of is known now.
    package func signature(of ending: String) throws(SigningError) -> FilmSignature {
        try FilmSignature(
            ending: ending, payload: payload, ingredients: [Ingredient](notedFor: owner))
    }
}

extension MarkOptions {
    /// What `label-ai-generated`, `visible-mark`, `visible-mark-text` and `source-type` ask for.
    ///
    /// - Parameters:
    ///   - corner: of the sign; nil where it is off.
    ///   - owner: the run's folder, a slash and the node; nil outside of a run, where nothing is signed: a
    ///     test has no business with the user's key.
    package init(
        isLabelled: Bool, corner: VisibleSign.Corner?, text: String, isComposite: Bool,
        owner: String?
    ) {
        guard isLabelled else {
            self = .none
            return
        }
        self = MarkOptions(isSigned: owner != nil).forRun(owner)
        if isComposite { payload?.kind = .composite }
        guard let corner else {
            sign = nil
            return
        }
        sign?.corner = corner
        sign?.text = text
    }
}

extension WatermarkPayload {
    /// The number of a run by its name: 28 bits of FNV-1a.
    package static func run(of name: String) -> UInt32 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return UInt32(truncatingIfNeeded: hash ^ hash >> 28 ^ hash >> 56) & 0x0fff_ffff
    }
}

/// Puts the marks into pictures. Whatever writes or sends pictures calls ``apply(to:at:)`` first.
///
/// The result depends on the options, the picture and its time alone.
package final class FrameMarks {
    package let options: MarkOptions
    private var watermark: Watermark?

    package init(_ options: MarkOptions) { self.options = options }

    /// The picture `[1, h, w, 3]` with its marks: a copy, or the same where there are none.
    ///
    /// - Parameter presentation: nanoseconds from the film's or stream's start.
    package func apply(to frame: Tensor<UInt8>, at presentation: Int64) -> Tensor<UInt8> {
        var marked = frame
        if let payload = options.payload {
            let (height, width) = (frame.shape[1], frame.shape[2])
            if watermark?.width != width || watermark?.height != height {
                watermark = Watermark(payload, width: width, height: height)
            }
            marked = watermark!.marked(frame)
        }
        guard let sign = options.sign, VisibleSign.isDue(at: presentation) else { return marked }
        if options.payload == nil { marked = Tensor(frame.buffer, shape: frame.shape) }
        sign.draw(into: marked)
        return marked
    }
}
