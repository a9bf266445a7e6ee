/// The forms in which pages are sent an output. Each is made once, and only while a page wants it.
enum PictureLayer: Hashable, Sendable, CaseIterable {
    /// Pictures by themselves, for pages that decode no video, and for previews.
    case jpeg
    /// H.264.
    case video
    /// H.264 of few pixels and bits, for pages behind a slow network.
    case small
}

/// Which video a page is sent: the small one while its way is too slow for the other. Pure.
///
/// A way that was too slow twice within a few seconds gets the small video. After a while without a cut
/// the other one is tried again; the pause doubles each time that this fails.
struct LayerChoice {
    private(set) var layer: PictureLayer
    private var lastCut: ContinuousClock.Instant?
    private var changed: ContinuousClock.Instant?
    private var pause = LayerChoice.shortest

    /// Two cuts within this time make a slow way.
    private static let close = Duration.seconds(4)
    /// How long the small video stays without a cut, at first and at most.
    private static let (shortest, longest) = (Duration.seconds(15), Duration.seconds(240))

    /// - Parameter layer: what the page asked for.
    init(_ layer: PictureLayer) { self.layer = layer }

    /// Takes note of one picture.
    ///
    /// - Parameter isCut: whether the way was so far behind that those before it were dropped.
    mutating func note(isCut: Bool, at now: ContinuousClock.Instant) {
        switch layer {
        case .jpeg: break
        case .video:
            guard isCut else { return }
            // The video that was tried again is too large still.
            let hasFailed = changed.map { now - $0 < Self.close } ?? false
            if hasFailed { pause = min(pause * 2, Self.longest) }
            if hasFailed || lastCut.map({ now - $0 < Self.close }) ?? false {
                (layer, changed, lastCut) = (.small, now, nil)
            } else {
                lastCut = now
            }
        case .small:
            if isCut {
                changed = now
            } else if now - (changed ?? now) > pause {
                (layer, changed, lastCut) = (.video, now, nil)
            }
        }
    }
}
