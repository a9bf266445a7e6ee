import Foundation

/// A film of flashes with a beep each, one a second, and how far apart the two are wherever it is played:
/// FFmpeg's own detectors say when each begins.
enum FlashFilm {
    static let ffmpeg = "/usr/bin/ffmpeg"
    /// Seconds that the film takes, and pixels of a side.
    static let seconds = 10, side = 256

    /// What stands for a camera: white for the first fifth of each second.
    static let pictures =
        "color=c=black:s=\(side)x\(side):r=25,drawbox=c=white:t=fill:enable='lt(mod(t\\,1)\\,0.2)'"
    /// The beep of the same time.
    static let sound = "aevalsrc=exprs='if(lt(mod(t\\,1)\\,0.2)\\,0.5*sin(2000*PI*t)\\,0)':s=48000"

    /// Writes the film.
    ///
    /// - Parameter codec: of the sound, by FFmpeg's name.
    static func write(to path: String, codec: String = "aac") throws {
        let (status, text) = try run([
            "-v", "error", "-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound,
            "-t", "\(seconds)", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
            "-c:a", codec, path,
        ])
        guard status == 0 else { throw MeasurementError("ffmpeg made no film: \(text)") }
    }

    /// What was seen and heard of a film.
    struct Reading {
        /// When each flash began, and each beep, seconds of the film's time.
        var flashes: [Double] = [], beeps: [Double] = []

        /// Of each flash, how much later its beep began, ms. Half a second is what it could be told by.
        var offsets: [Double] {
            flashes.compactMap { flash in
                beeps.min { abs($0 - flash) < abs($1 - flash) }.map { ($0 - flash) * 1000 }
            }.filter { abs($0) < 500 }
        }

        /// Reads what FFmpeg's filters `blackdetect` and `silencedetect` say. At the film's end both say that
        /// black and silence end, whatever would have come.
        init(_ text: String) {
            var end = Double.infinity
            for line in text.split(whereSeparator: \.isNewline) {
                if let time = Self.number(behind: "black_end:", in: line) { flashes.append(time) }
                if let time = Self.number(behind: "silence_end:", in: line) { beeps.append(time) }
                if let time = Self.clock(in: line) { end = time - 0.1 }
            }
            flashes.removeAll { $0 > end }
            beeps.removeAll { $0 > end }
        }

        /// How far FFmpeg has come, as it says at the end: `time=00:00:08.04`.
        private static func clock(in line: Substring) -> Double? {
            guard let place = line.range(of: "time=") else { return nil }
            let parts = line[place.upperBound...].prefix { $0 != " " }.split(separator: ":").map { Double($0) }
            guard parts.count == 3, let hours = parts[0], let minutes = parts[1], let seconds = parts[2] else {
                return nil
            }
            return 3600 * hours + 60 * minutes + seconds
        }

        private static func number(behind word: String, in line: Substring) -> Double? {
            guard let place = line.range(of: word) else { return nil }
            return Double(line[place.upperBound...].drop { $0 == " " }.prefix { $0 != " " })
        }
    }

    /// Plays a file or an address, for so many seconds of its time or to its end.
    static func read(_ source: String, seconds: Double? = nil) throws -> Reading {
        let patience = source.contains("://") ? ["-rw_timeout", "20000000"] : []
        let limit = seconds.map { ["-t", "\($0)"] } ?? []
        let filters = [
            "-vf", "blackdetect=d=0.2:pix_th=0.5:pic_th=0.9", "-af", "silencedetect=n=-30dB:d=0.2",
            "-f", "null", "-",
        ]
        let (_, text) = try run(["-hide_banner"] + patience + ["-i", source] + limit + filters)
        return Reading(text)
    }

    private static func run(_ arguments: [String]) throws -> (status: Int32, text: String) {
        let process = Process(), errors = Pipe()
        process.executableURL = URL(fileURLWithPath: ffmpeg)
        process.arguments = ["-nostdin"] + arguments
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let data = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
