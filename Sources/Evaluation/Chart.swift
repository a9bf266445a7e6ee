import Foundation

/// Plots as SVG, whose colours are those of the page around them.
enum Chart {
    /// Lines over one axis.
    struct Line {
        /// The page's class that colours it.
        var style: String
        /// nil makes a gap.
        var points: [(x: Double, y: Double?)]
    }

    /// Most points of a line: more cannot be seen.
    private static let mostPoints = 800

    /// A plot with a title for those who cannot see it.
    ///
    /// - Parameters:
    ///   - mark: a place on the x axis that is marked.
    static func lines(
        _ lines: [Line], title: String, unit: String, xTitle: String, mark: Double? = nil
    ) -> String {
        let xs = lines.flatMap { $0.points.map(\.x) },
            ys = lines.flatMap { $0.points.compactMap(\.y) }
        guard let left = xs.min(), let right = xs.max(), let low = ys.min(), let high = ys.max(),
            right > left
        else { return "" }
        let (width, height, edge) = (860.0, 190.0, 46.0)
        let room = max(high - low, 1e-6)
        func x(_ value: Double) -> Double {
            edge + (width - edge - 10) * (value - left) / (right - left)
        }
        func y(_ value: Double) -> Double { 12 + (height - 42) * (high - value) / room }
        var parts = [
            "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"\(HTML.escaped(title))\">"
        ]
        for value in [low, (low + high) / 2, high] {
            parts.append(
                "<line class=\"grid\" x1=\"\(edge)\" x2=\"\(width - 10)\" y1=\"\(n(y(value)))\" y2=\"\(n(y(value)))\"/>"
                    + "<text x=\"\(edge - 6)\" y=\"\(n(y(value) + 4))\" class=\"end\">\(label(value))\(unit)</text>"
            )
        }
        for step in 0...4 {
            let value = left + (right - left) * Double(step) / 4
            parts.append(
                "<text x=\"\(n(x(value)))\" y=\"\(height - 12)\" "
                    + "class=\"\(step == 4 ? "end" : "mid")\">\(label(value))\(step == 4 ? xTitle : "")</text>"
            )
        }
        if let mark {
            parts.append(
                "<line class=\"mark\" x1=\"\(n(x(mark)))\" x2=\"\(n(x(mark)))\" y1=\"8\" y2=\"\(height - 30)\"/>"
            )
        }
        for line in lines {
            let step = max(line.points.count / mostPoints, 1)
            var path = "", isDown = false
            for index in stride(from: 0, to: line.points.count, by: step) {
                guard let value = line.points[index].y else {
                    isDown = false
                    continue
                }
                path += "\(isDown ? "L" : "M")\(n(x(line.points[index].x))) \(n(y(value)))"
                isDown = true
            }
            parts.append("<path class=\"\(line.style)\" d=\"\(path)\"/>")
        }
        return (parts + ["</svg>"]).joined(separator: "\n")
    }

    /// Where a figure, its interval and its controls lie beside each other; empty where there is no value.
    static func strip(_ figure: Figure) -> String {
        guard let value = figure.value, value.isFinite else { return "" }
        let controls = [
            (figure.controls.copiedPortrait, "copied"),
            (figure.controls.shuffledDriver, "shuffled"),
            (figure.controls.driverItself, "itself"),
        ].compactMap { control, style in
            control.flatMap { $0.isFinite ? (value: $0, style: style) : nil }
        }
        let all = [value] + [figure.low, figure.high].compactMap { $0 } + controls.map(\.value)
        let (low, high) = (all.min()!, all.max()!), room = max(high - low, 1e-9)
        func x(_ value: Double) -> String { n(12 + 216 * (value - low) / room) }
        var parts = [
            "<svg class=\"strip\" viewBox=\"0 0 240 24\" role=\"img\" "
                + "aria-label=\"\(HTML.escaped(figure.title)), value and controls\">",
            "<line class=\"grid\" x1=\"4\" x2=\"236\" y1=\"12\" y2=\"12\"/>",
        ]
        for control in controls {
            let at = x(control.value)
            parts.append(
                "<g class=\"\(control.style)\" transform=\"translate(\(at) 12)\">\(shape(control.style))</g>"
            )
        }
        if let from = figure.low, let to = figure.high {
            parts.append(
                "<line class=\"interval\" x1=\"\(x(from))\" x2=\"\(x(to))\" y1=\"12\" y2=\"12\"/>")
        }
        parts.append("<circle class=\"value\" cx=\"\(x(value))\" cy=\"12\" r=\"5\"/></svg>")
        return parts.joined()
    }

    /// How a control is drawn, around 0.
    static func shape(_ style: String) -> String {
        switch style {
        case "copied": "<rect x=\"-5\" y=\"-5\" width=\"10\" height=\"10\"/>"
        case "shuffled": "<path d=\"M-5 -5L5 5M-5 5L5 -5\"/>"
        default: "<path d=\"M0 -6L6 0L0 6L-6 0Z\"/>"
        }
    }

    private static func n(_ value: Double) -> String { String(format: "%.1f", value) }

    private static func label(_ value: Double) -> String {
        let text = String(
            format: value.magnitude >= 10 ? "%.0f" : value.magnitude >= 1 ? "%.1f" : "%.2f", value)
        return Double(text) == 0 ? "0" : text
    }
}

/// Text in a page.
enum HTML {
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
