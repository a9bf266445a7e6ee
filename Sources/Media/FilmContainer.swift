import CFFmpeg

/// The form of a film's file, as the ending of its name says.
package enum FilmContainer: String, CaseIterable, Sendable {
    case mp4, mov, mkv, webm, gif

    /// Endings of outputs that hold frames; a path that ends in "/" is a folder of pictures.
    package static let endings = allCases.map { ".\($0.rawValue)" } + ["/"]

    package init?(path: String) {
        let name = path.lowercased()
        guard let found = Self.allCases.first(where: { name.hasSuffix(".\($0.rawValue)") }) else {
            return nil
        }
        self = found
    }

    /// FFmpeg's name of the form.
    var format: String { self == .mkv ? "matroska" : rawValue }

    /// The form of the film while it is made: one that can be played wherever it breaks off, and
    /// whose pictures do not depend on those that are still to come.
    var draft: FilmContainer { self == .gif ? .mp4 : self }

    /// What comes behind the target's own ending in the draft's name.
    var draftEnding: String { draft == self ? "" : ".\(draft.rawValue)" }

    var videoCodec: FilmEncoder.Codec { self == .webm ? .vp9 : .h264 }

    /// What sound is coded as that cannot be copied; nil where there is none.
    var soundCodec: SoundTranscoder.Codec? {
        switch self {
        case .mp4, .mov, .mkv: .aac
        case .webm: .opus
        case .gif: nil
        }
    }

    /// Whether it is made of boxes, as QuickTime's files are.
    var hasBoxes: Bool { self == .mp4 || self == .mov }

    /// Options of the muxer for a film that can be played up to its last second at any time.
    var draftOptions: KeyValuePairs<String, String> {
        hasBoxes
            ? [
                "movflags": "empty_moov+delay_moov+default_base_moof+use_metadata_tags",
                "frag_duration": "1000000",
            ] : ["cluster_time_limit": "1000"]
    }

    /// Options of the muxer for a complete film, whose header or index comes first.
    var finishedOptions: KeyValuePairs<String, String> {
        // In a movie clock of 1/1000 s, edit lists would cut off sound.
        hasBoxes
            ? ["movflags": "faststart+use_metadata_tags", "movie_timescale": "360000"]
            : ["cues_to_front": "1"]
    }
}
