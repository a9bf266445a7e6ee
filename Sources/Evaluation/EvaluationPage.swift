import Foundation
import Media
import Tensors

/// An evaluation as one HTML file that needs nothing else.
package struct EvaluationPage {
    private let evaluation: Evaluation
    /// Columns of the pictures, pixels.
    private static let pictureWidth = 320

    package init(_ evaluation: Evaluation) { self.evaluation = evaluation }

    /// - Throws: ``MediaError`` where a picture cannot be encoded.
    package func html() throws -> String {
        let files = evaluation.files
        let truth = files.truth.map { ", truth <code>\(HTML.escaped($0))</code>" } ?? ""
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Evaluation of \(HTML.escaped(FilePlace.lastName(of: files.result)))</title>
            <style>\(Self.style)</style></head><body><main>
            <h1>Evaluation of <code>\(HTML.escaped(FilePlace.lastName(of: files.result)))</code></h1>
            <p class="lead">Driver <code>\(HTML.escaped(files.driver))</code>, portrait
            <code>\(HTML.escaped(files.portrait))</code>\(truth).<br>
            \(evaluation.pairs.count) frames compared; \(evaluation.delayText).</p>
            \(try pictures)
            <h2>Figures</h2>
            \(legend)
            \(table)
            <h2>Curves</h2>
            <p class="note"><span class="key driver"></span>driver
            <span class="key result"></span>result, its delay taken out</p>
            \(curves)
            \(list("Notes", evaluation.notes))
            \(list("Not measured", evaluation.missing))
            <h2>How to read this</h2>
            <p>A figure says nothing alone. Beside each stands what it is for films that animate nothing: the
            <b>copied portrait</b> in every frame, and the result's own frames in an order that has nothing to do
            with the driver (<b>shuffled driver</b>). A result that is not clearly better than these follows nobody.
            The <b>driver itself</b> in the result's place follows perfectly and is the wrong person: its identity
            is what a model that ignores the portrait gets. Intervals are of 95 %, by a bootstrap over blocks of a
            second; they say how much the figure depends on the frames that were filmed, and nothing of other
            people or portraits.</p>
            </main></body></html>

            """
    }

    // MARK: Pictures

    private var pictures: String {
        get throws {
            let encoder = JPEGEncoder(largestWidth: Self.pictureWidth, quality: 3)
            func image(_ picture: Tensor<UInt8>, _ words: String) throws -> String {
                let size = encoder.size(of: picture.shape)
                let data = Data(try encoder.encode(picture)).base64EncodedString()
                return "<img width=\"\(size.width)\" height=\"\(size.height)\" alt=\"\(words)\" "
                    + "src=\"data:image/jpeg;base64,\(data)\">"
            }
            let stills = evaluation.stills
            func row(_ name: String, _ picture: (Evaluation.Still) -> Tensor<UInt8>?) throws
                -> String
            {
                let cells = try stills.map { still in
                    let words = String(format: "\(name.lowercased()) at %.1f s", still.time)
                    return "<td>\(try picture(still).map { try image($0, words) } ?? "–")</td>"
                }
                return "<tr><th scope=\"row\">\(name)</th>\(cells.joined())</tr>"
            }
            let times = stills.map { String(format: "<th scope=\"col\">%.1f s</th>", $0.time) }
            let truth = try evaluation.files.truth.map { _ in try row("Truth") { $0.truth } } ?? ""
            return """
                <div class="pictures"><figure>\(try image(evaluation.portrait, "portrait"))
                <figcaption>Portrait</figcaption></figure>
                <div class="scroll"><table class="stills"><tr><td></td>\(times.joined())</tr>
                \(try row("Driver") { $0.driver })
                \(try row("Result") { $0.result })
                \(truth)</table></div></div>
                """
        }
    }

    // MARK: Figures

    private var legend: String {
        func key(_ style: String, _ words: String) -> String {
            "<span><svg class=\"sign\" viewBox=\"-8 -8 16 16\" aria-hidden=\"true\"><g class=\"\(style)\">"
                + "\(Chart.shape(style))</g></svg> \(words)</span>"
        }
        return """
            <p class="note keys"><span><svg class="sign" viewBox="-8 -8 16 16" aria-hidden="true"><circle \
            class="value" r="5"/></svg> result</span> \(key("copied", "copied portrait")) \
            \(key("shuffled", "shuffled driver")) \(key("itself", "driver itself"))</p>
            """
    }

    private var table: String {
        let rows = evaluation.figures.map { figure in
            let interval = figure.low.flatMap { low in
                figure.high.map { "\(figure.text(low)) to \(figure.text($0))" }
            }
            let unit =
                figure.value?.isFinite == true && !figure.unit.isEmpty ? " \(figure.unit)" : ""
            let better =
                switch figure.better {
                case .higher: "higher is better"
                case .lower: "lower is better"
                case .one: "1 is best"
                }
            return """
                <tr><td><b>\(figure.title)</b> <span class="note">\(better)</span>
                <p class="note">\(HTML.escaped(figure.meaning))</p></td>
                <td class="number"><b>\(figure.text(figure.value))\(unit)</b><br>
                <span class="note">\(interval ?? "")</span></td>
                <td>\(Chart.strip(figure))</td>
                <td class="number">\(figure.text(figure.controls.copiedPortrait))</td>
                <td class="number">\(figure.text(figure.controls.shuffledDriver))</td>
                <td class="number">\(figure.text(figure.controls.driverItself))</td></tr>
                """
        }
        return """
            <div class="scroll"><table class="figures"><thead><tr><th>Figure</th>
            <th class="number">Value, 95 %</th><th></th><th class="number">Copied portrait</th>
            <th class="number">Shuffled driver</th><th class="number">Driver itself</th></tr></thead>
            <tbody>\(rows.joined(separator: "\n"))</tbody></table></div>
            """
    }

    // MARK: Curves

    private var curves: String {
        let shown: [(FaceCurve, String, Double, String)] = [
            (.yaw, "Yaw", 180 / Double.pi, "°"), (.pitch, "Pitch", 180 / Double.pi, "°"),
            (.mouth, "Mouth opening, by the distance of the eyes' outer corners", 1, ""),
            (.lids, "Lids, both eyes' heights by widths", 1, ""),
        ]
        let plots = shown.map { curve, title, unit, sign in
            let result = Chart.Line(
                style: "result", points: points(evaluation.result, \.result, curve, unit))
            let driver = Chart.Line(
                style: "driver", points: points(evaluation.driver, \.other, curve, unit))
            return figure(
                title,
                Chart.lines([driver, result], title: title, unit: sign, xTitle: " s"))
        }
        let scores = evaluation.delay.scores
        let words =
            "Delay: how well result and driver agree, by how many frames the result is taken to be late"
        let delay = Chart.lines(
            [
                Chart.Line(
                    style: "result", points: scores.map { (Double($0.frames), $0.correlation) })
            ],
            title: words, unit: "", xTitle: " frames", mark: Double(evaluation.delay.frames))
        return (plots + [figure(words, delay)]).joined(separator: "\n")
    }

    private func figure(_ title: String, _ plot: String) -> String {
        plot.isEmpty
            ? ""
            : "<figure class=\"plot\"><figcaption>\(HTML.escaped(title))</figcaption>\(plot)</figure>"
    }

    /// A curve of one film over the result's time.
    private func points(
        _ film: FaceTrack, _ frame: KeyPath<FramePairing.Pair, Int>, _ curve: FaceCurve,
        _ unit: Double
    ) -> [(x: Double, y: Double?)] {
        evaluation.pairs.map { pair in
            let face = film.faces[pair[keyPath: frame]]
            return (
                Double(evaluation.result.times[pair.result]) / 1e9,
                face.map { Double(curve.value($0.reading)) * unit }
            )
        }
    }

    private func list(_ title: String, _ sentences: [String]) -> String {
        guard !sentences.isEmpty else { return "" }
        return "<h2>\(title)</h2><ul>"
            + sentences.map { "<li>\(HTML.escaped($0))</li>" }.joined(separator: "\n") + "</ul>"
    }

    private static let style = """
        :root { color-scheme: light dark; --ground: #f6f7f9; --panel: #fff; --line: #d9dde4; --ink: #171a20;
          --soft: #566070; --accent: #1d5fd6; --other: #a86800;
          font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
        @media (prefers-color-scheme: dark) { :root { --ground: #101216; --panel: #181b21; --line: #2f3540;
          --ink: #eceef2; --soft: #a3abb8; --accent: #7aa7ff; --other: #f0b458; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink); }
        main { max-width: 72rem; margin: 0 auto; padding: clamp(.75rem, 3vw, 2rem); }
        h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
        code { font-size: .92em; overflow-wrap: anywhere; }
        .lead { margin: 0 0 1rem; } .note { color: var(--soft); font-size: .85rem; margin: 0; }
        figure { margin: 0; } figcaption { color: var(--soft); font-size: .85rem; }
        .pictures { display: flex; gap: 1rem; align-items: flex-start; flex-wrap: wrap; }
        .pictures > figure { flex: 0 0 9rem; } .pictures > .scroll { flex: 1 1 30rem; }
        img { width: 100%; height: auto; border-radius: .4rem; display: block; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        .stills td, .stills th { padding: .2rem; font-weight: 400; font-size: .85rem; color: var(--soft); }
        .stills td { min-width: 5rem; } .stills th[scope=row] { text-align: left; width: 4rem; }
        .figures { background: var(--panel); border: 1px solid var(--line); }
        .figures th { font-weight: 600; font-size: .85rem; text-align: left; vertical-align: bottom; }
        .figures th, .figures td { padding: .55rem .7rem; border-bottom: 1px solid var(--line); }
        .figures td { vertical-align: top; } .figures td:first-child { min-width: 17rem; max-width: 24rem; }
        .figures .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .figures th.number { white-space: normal; }
        svg { display: block; width: 100%; height: auto; } svg.strip { width: 15rem; }
        svg.sign { display: inline-block; width: 1rem; height: 1rem; vertical-align: -.2rem; }
        .keys { display: flex; gap: 1.2rem; flex-wrap: wrap; margin-bottom: .5rem; }
        svg text { fill: var(--soft); font-size: 12px; } .end { text-anchor: end; } .mid { text-anchor: middle; }
        .grid { stroke: var(--line); } .mark { stroke: var(--other); stroke-dasharray: 4 3; }
        path.result, path.driver { fill: none; stroke-width: 1.6; }
        path.result { stroke: var(--accent); } path.driver { stroke: var(--soft); }
        .interval { stroke: var(--accent); stroke-width: 4; opacity: .45; } .value { fill: var(--accent); }
        .copied, .shuffled, .itself { fill: none; stroke: var(--other); stroke-width: 1.6; }
        .key { display: inline-block; width: 1.6rem; height: .2rem; vertical-align: middle; margin: 0 .3rem 0 .8rem; }
        .key.result { background: var(--accent); } .key.driver { background: var(--soft); margin-left: 0; }
        .plot { background: var(--panel); border: 1px solid var(--line); padding: .6rem .8rem; margin-bottom: .6rem; }
        """
}
