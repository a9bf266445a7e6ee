import Foundation

/// A place in a graph file: lines and columns count from 1, columns and lengths in Unicode scalars.
package struct SourceRange: Sendable, Hashable {
    package var line: Int
    package var column: Int
    package var length: Int
    /// Which of the files that were read: 0 is the graph itself, others are its parts.
    package var file: Int

    package init(line: Int, column: Int, length: Int, file: Int = 0) {
        self.line = line
        self.column = column
        self.length = length
        self.file = file
    }

    /// The file as a whole, for faults that no line is to blame for.
    package static let wholeFile = SourceRange(line: 0, column: 0, length: 0)

    /// A part of this range, `offset` scalars in.
    func part(from offset: Int, length: Int) -> SourceRange {
        guard offset + length <= self.length else { return self }
        return SourceRange(line: line, column: column + offset, length: length, file: file)
    }
}

extension SourceRange: Comparable {
    package static func < (left: SourceRange, right: SourceRange) -> Bool {
        (left.file, left.line, left.column, left.length)
            < (right.file, right.line, right.column, right.length)
    }
}

/// A graph file's name and lines, for messages that show where a fault is.
package struct SourceText: Sendable {
    /// The file as its user called it.
    package let name: String
    private let lines: [Substring.UnicodeScalarView]

    package init(name: String, text: String) {
        self.name = name
        lines = Self.lines(of: text)
    }

    /// The place of a range and, if it has a line, that line with carets beneath it and a remark.
    func excerpt(_ range: SourceRange, remark: String?) -> String {
        guard lines.indices.contains(range.line - 1) else {
            return remark.map { "    " + $0 + "\n" } ?? ""
        }
        let window = visible(range)
        let number = String(range.line)
        let gutter = String(repeating: " ", count: number.count + 1)
        return " \(number) | \(window.text)\n\(gutter) | \(window.padding)\(window.carets)"
            + (remark.map { " " + $0 } ?? "") + "\n"
    }

    /// The scalar at which a range starts, and the one before it.
    func scalars(before range: SourceRange) -> String {
        guard lines.indices.contains(range.line - 1) else { return "" }
        let pair = lines[range.line - 1].prefix(range.column).suffix(2)
        return String(String.UnicodeScalarView(pair))
    }

    /// What a comment at the end of a range's line says; empty without one.
    func comment(behind range: SourceRange) -> String {
        guard lines.indices.contains(range.line - 1) else { return "" }
        let line = String(String.UnicodeScalarView(lines[range.line - 1]))
        return line.range(of: " # ").map { String(line[$0.upperBound...]).trimmed } ?? ""
    }

    /// The first sentence of the comment that the file opens with.
    var firstSentence: String {
        let comment = lines.map { String(String.UnicodeScalarView($0)) }
            .prefix { $0.hasPrefix("# ") }.map { String($0.dropFirst(2)).trimmed }
            .joined(separator: " ")
        return comment.range(of: ". ").map { String(comment[..<$0.lowerBound]) + "." } ?? comment
    }

    /// `file:line:column`, or the file's name alone.
    func location(_ range: SourceRange) -> String {
        range.line == 0 ? name : "\(name):\(range.line):\(range.column)"
    }

    /// Cuts a long line around the range, and aligns the carets under tabs and wide letters.
    private func visible(_ range: SourceRange) -> (text: String, padding: String, carets: String) {
        let line = Array(lines[range.line - 1])
        let column = min(range.column - 1, line.count)
        let first = column > 90 ? column - 40 : 0
        let last = min(line.count, max(first + 120, column + 20))
        let end = min(column + max(range.length, 1), last)
        let before = line[first..<column].map(Self.blank).joined()
        let under = line[column..<max(end, column)].map(Self.width).reduce(0, +)
        let shown = line[first..<last].map(Self.printable).joined()
        let cut = first > 0 ? "…" : ""
        return (
            cut + shown + (last < line.count ? "…" : ""),
            (first > 0 ? " " : "") + before,
            "^" + String(repeating: "~", count: max(under, 1) - 1)
        )
    }

    /// Lines end where libyaml ends them, so that its line numbers are ours.
    private static func lines(of text: String) -> [Substring.UnicodeScalarView] {
        let scalars = text.unicodeScalars
        var lines: [Substring.UnicodeScalarView] = []
        var start = scalars.startIndex
        var index = start
        while index < scalars.endIndex {
            let scalar = scalars[index]
            let next = scalars.index(after: index)
            if breaks.contains(scalar) {
                lines.append(scalars[start..<index])
                let isPair = scalar == "\r" && next < scalars.endIndex && scalars[next] == "\n"
                start = isPair ? scalars.index(after: next) : next
                index = start
            } else {
                index = next
            }
        }
        lines.append(scalars[start...])
        return lines
    }

    private static let breaks: Set<Unicode.Scalar> = ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"]

    /// Control characters could move the cursor of whoever reads the message.
    private static func printable(_ scalar: Unicode.Scalar) -> String {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        return isControl && scalar != "\t" ? "\u{FFFD}" : String(scalar)
    }

    private static func blank(_ scalar: Unicode.Scalar) -> String {
        scalar == "\t" ? "\t" : String(repeating: " ", count: width(scalar))
    }

    /// Columns that a terminal gives a scalar: two for East Asian letters and emoji, none for marks.
    private static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
