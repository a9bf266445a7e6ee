import ArgumentParser
import Foundation
import Marks
import Media

/// `personalive verify`: what the marks of a film, stream or picture say.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Looks for marks that say that a film or picture is AI-generated.",
        discussion: """
            Checks the signature (C2PA), and looks for the invisible watermark, the visible sign and the \
            label in the file. Works on any film, picture or address; signatures are those of files. A \
            film without marks may be AI-generated all the same.

            Exit codes: 0 at least one mark was found, 1 none, 2 the file cannot be read, 3 it was \
            changed since it was signed, 64 the command line is wrong.
            """)

    @Argument(help: "A film, picture, folder of pictures, or address (http, rtsp, …).")
    var path: String

    @Option(help: "Search so many frames from the start.")
    var frames = 1500

    @Option(help: "What the visible sign says.")
    var signText = VisibleSign().text

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if frames < 1 { throw ValidationError("--frames must be at least 1") }
        if signText.isEmpty || !VisibleSign.unknownLetters(in: signText).isEmpty {
            throw ValidationError("--sign-text must be letters, digits, spaces and . : - + / ! ?")
        }
    }

    func run() throws {
        let report: MarkReport
        do {
            report = try MarkReport(of: path, limit: frames, signText: signText, threads: 2)
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            throw ExitCode(2)
        }
        print(json ? try Self.json(report) : Self.text(report))
        if report.isBroken { throw ExitCode(3) }
        if !report.isMarked { throw ExitCode(1) }
    }

    private static func text(_ report: MarkReport) -> String {
        var lines = [
            "\(report.path): \(report.frames) frame\(report.frames == 1 ? "" : "s") searched"
        ]
        let mark = report.watermark
        if mark.isFound {
            var line = String(
                format: "watermark  found; by chance in one of 10^%.0f films at most", -mark.logOdds
            )
            if let payload = mark.payload {
                line += "; personalive, \(payload.kind.description), run \(payload.runText)"
            } else {
                line += "; personalive, but its text is not legible"
            }
            lines.append(line)
        } else {
            lines.append("watermark  none of ours")
        }
        lines.append(
            report.signCorner.map { corner in
                String(
                    format: "sign       found, %@ (similarity %.2f)", corner.rawValue,
                    report.signSimilarity)
            }
                ?? String(
                    format: "sign       none of ours (similarity %.2f)", report.signSimilarity))
        lines.append("label      " + (report.sourceType ?? "none"))
        lines += signature(report)
        lines.append(
            report.isMarked
                ? "marked as AI-generated"
                : "no mark found, which does not say that it is a recording")
        return lines.map(printable).joined(separator: "\n")
    }

    /// What a file says of itself does not speak to the terminal.
    private static func printable(_ line: String) -> String {
        let scalars = line.unicodeScalars.map {
            $0.properties.generalCategory == .control ? " " : $0
        }
        return String(String.UnicodeScalarView(scalars))
    }

    private static func signature(_ report: MarkReport) -> [String] {
        switch report.signature {
        case .none:
            return [
                "signature  none"
                    + (report.watermark.isFound
                        ? ", although the watermark is ours: it was taken out, or never there" : "")
            ]
        case .unchecked(let reason): return ["signature  not checked: \(reason)"]
        case .checked(let details):
            var line =
                details.holds
                ? "signature  holds: the file is as it was signed"
                : "signature  BROKEN: " + details.faults.map(words).joined(separator: "; ")
            if details.isOwn {
                line += ", by your own certificate"
            } else {
                line +=
                    ", by '\(details.signer)'"
                    + (details.issuer.isEmpty ? "" : " of '\(details.issuer)'")
                    + (details.isTrusted ? "" : ", for whom no known authority vouches")
            }
            var lines = [line]
            if let segments = details.segments {
                lines.append("           \(segments.holding) of \(segments.count) segments hold")
            }
            lines.append("           made by \(details.generator)")
            return lines
                + details.sourceTypes.map { "           \($0)" }
                + details.ingredients.map { "           made of \(words($0))" }
        }
    }

    private static func words(_ ingredient: Ingredient) -> String {
        let sum = ingredient.sha256.map { ", SHA-256 \($0.prefix(16))…" } ?? ""
        let consent = ingredient.consent.map {
            ", with a consent of \($0.given) for \($0.purpose)"
        }
        return "\(ingredient.node) (\(ingredient.kind)\(sum))\(consent ?? "")"
    }

    /// What C2PA's codes mean (C2PA 2.4, 15.2).
    private static func words(_ code: String) -> String {
        switch code {
        case "assertion.bmffHash.mismatch", "assertion.dataHash.mismatch":
            "the file was changed since (\(code))"
        case "assertion.hashedURI.mismatch", "claimSignature.mismatch":
            "its manifest was changed since (\(code))"
        case "signingCredential.expired", "claimSignature.outsideValidity":
            "the certificate had expired (\(code))"
        case "signingCredential.invalid": "the certificate is not one for films (\(code))"
        default: code
        }
    }

    private struct Report: Codable {
        struct Watermark: Codable {
            var found: Bool
            /// Logarithm to base 10 of a bound on the probability of so good a fit by chance.
            var log10_odds: Double
            var fit: Double
            var kind: String?
            var run: String?
            var tile_px: [Double]?
        }
        struct Sign: Codable {
            var found: Bool
            var corner: String?
            var similarity: Double
        }

        struct Signature: Codable {
            /// `none`, `unchecked`, `holds` or `broken`.
            var state: String
            var reason: String?
            var faults: [String]?
            var signer: String?
            var issuer: String?
            var trusted: Bool?
            var own: Bool?
            var generator: String?
            var source_types: [String]?
            var ingredients: [Ingredient]?
            var segments: Int?
            var segments_holding: Int?

            init(_ report: SignatureReport) {
                switch report {
                case .none: state = "none"
                case .unchecked(let reason): (state, self.reason) = ("unchecked", reason)
                case .checked(let details):
                    state = details.holds ? "holds" : "broken"
                    (faults, signer, issuer) = (details.faults, details.signer, details.issuer)
                    (trusted, own) = (details.isTrusted, details.isOwn)
                    (generator, source_types) = (details.generator, details.sourceTypes)
                    ingredients = details.ingredients
                    (segments, segments_holding) = (
                        details.segments?.count, details.segments?.holding
                    )
                }
            }
        }

        var path: String
        var frames: Int
        var marked: Bool
        var watermark: Watermark
        var sign: Sign
        var label: String?
        var signature: Signature
    }

    private static func json(_ report: MarkReport) throws -> String {
        let mark = report.watermark
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(
            decoding: try encoder.encode(
                Report(
                    path: report.path, frames: report.frames, marked: report.isMarked,
                    watermark: Report.Watermark(
                        found: mark.isFound, log10_odds: mark.logOdds, fit: mark.fit,
                        kind: mark.isFound ? mark.payload.map { "\($0.kind)" } : nil,
                        run: mark.isFound ? mark.payload?.runText : nil,
                        tile_px: mark.isFound ? [mark.period.x, mark.period.y] : nil),
                    sign: Report.Sign(
                        found: report.signCorner != nil, corner: report.signCorner?.rawValue,
                        similarity: report.signSimilarity),
                    label: report.sourceType, signature: Report.Signature(report.signature))),
            as: UTF8.self)
    }
}
