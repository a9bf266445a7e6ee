import CFFmpeg

/// Gives frames the treatment that they need, and says once which.
///
/// Frames that need none pass as they are, with all their bits, and libavfilter is not even loaded.
final class FrameTreater {
    private let name: String
    private let stream: AVCodecParameters
    private var filter: FrameFilter?
    private var isInterlaced = false
    private var peak: Double?
    private var waiting: [TimedPicture] = []
    private var taken = 0
    /// What could not be treated passes untreated, once that was said.
    private var failed: Set<String> = []
    private(set) var warnings: [String] = []

    /// - Parameter name: the file, for warnings.
    init(stream: AVCodecParameters, name: String) {
        self.stream = stream
        self.name = name
    }

    /// Takes a decoded picture, or nil at the end; ``next()`` gives what comes of it.
    func send(_ picture: TimedPicture?) {
        guard let picture else { return drain() }
        let frame = picture.picture.pointer.pointee
        let treatment = treatment(of: picture.picture)
        guard let chain = treatment.chain(FrameTreatment.Tags(of: frame, in: stream)),
            !failed.contains(chain)
        else {
            drain()
            return waiting.append(picture)
        }
        let plan = FrameFilter.Plan(frame, chain: chain)
        if filter?.plan != plan {
            drain()
            do throws(MediaError) {
                filter = try FrameFilter(plan)
                say(treatment)
            } catch {
                return fail(treatment, chain, error, picture)
            }
        }
        do throws(MediaError) {
            try FFmpeg.check(filter!.send(picture), "av_buffersrc_add_frame", chain)
            try takeReady()
        } catch {
            filter = nil
            fail(treatment, chain, error, picture)
        }
    }

    /// Lets a picture pass untreated, and those behind it, with a warning.
    private func fail(
        _ treatment: FrameTreatment, _ chain: String, _ error: MediaError, _ picture: TimedPicture
    ) {
        failed.insert(chain)
        warnings.append("\(name): \(Self.need(treatment)), but cannot be: \(error)")
        waiting.append(picture)
    }

    /// The next treated picture, if one is ready.
    func next() -> TimedPicture? {
        guard taken < waiting.count else { return nil }
        defer {
            taken += 1
            if taken == waiting.count { (waiting, taken) = ([], 0) }
        }
        return waiting[taken]
    }

    func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    private func treatment(of picture: Picture) -> FrameTreatment {
        let frame = picture.pointer.pointee
        peak = peak ?? picture.peakLight
        let treatment = FrameTreatment(
            of: frame, in: stream, isInterlaced: isInterlaced, peak: peak)
        isInterlaced = treatment.isInterlaced
        return treatment
    }

    private func drain() {
        guard let filter else { return }
        _ = filter.send(nil)
        try? takeReady()
        self.filter = nil
    }

    private func takeReady() throws(MediaError) {
        while let picture = try filter?.receive() { waiting.append(picture) }
    }

    private var said: Set<String> = []

    private func say(_ treatment: FrameTreatment) {
        func once(_ text: String) {
            if said.insert(text).inserted { warnings.append("\(name): \(text)") }
        }
        if treatment.isInterlaced {
            once("its frames are interlaced: they are deinterlaced (bwdif)")
        }
        if let range = treatment.highRange {
            once(
                "its light is HDR (\(range.name)): it is tone-mapped for the networks and screens (mobius)"
            )
        }
    }

    private static func need(_ treatment: FrameTreatment) -> String {
        let needs = [
            treatment.isInterlaced ? "its frames are interlaced and should be deinterlaced" : nil,
            treatment.highRange.map { "its light is HDR (\($0.name)) and should be tone-mapped" },
        ]
        return needs.compactMap { $0 }.joined(separator: ", ")
    }
}

extension FrameTreatment.HighRange {
    fileprivate var name: String {
        switch self {
        case .hlg: "HLG"
        case .pq: "PQ"
        }
    }
}

extension Picture {
    /// The brightest light of an HDR10 film, nits: of its contents, else of the screen it was made on.
    fileprivate var peakLight: Double? {
        func data<Value>(_ kind: AVFrameSideDataType, _: Value.Type) -> Value? {
            av_frame_get_side_data(pointer, kind).map {
                UnsafeRawPointer($0.pointee.data).loadUnaligned(as: Value.self)
            }
        }
        if let light = data(AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, AVContentLightMetadata.self),
            light.MaxCLL > 0
        {
            return Double(light.MaxCLL)
        }
        guard
            let screen = data(
                AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, AVMasteringDisplayMetadata.self),
            screen.has_luminance != 0, av_q2d(screen.max_luminance) > 0
        else { return nil }
        return av_q2d(screen.max_luminance)
    }
}
