/// Finds the name that was probably meant.
///
/// The search has a budget: a file made of nothing but mistakes must not take minutes.
struct NearestName {
    private var comparisonsLeft = 20_000

    /// The candidate with the fewest typing mistakes, if they are few for the word's length.
    mutating func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let wanted = Self.letters(word)
        guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
        var best: (name: String, mistakes: Int)?
        for candidate in candidates {
            guard comparisonsLeft > 0 else { break }
            let letters = Self.letters(candidate)
            let allowed = max(1, min(max(wanted.count, letters.count) / 3, 5))
            guard abs(letters.count - wanted.count) <= allowed else { continue }
            comparisonsLeft -= 1
            let mistakes = Self.mistakes(wanted, letters)
            if mistakes <= allowed, mistakes < best?.mistakes ?? .max {
                best = (candidate, mistakes)
            }
        }
        return best?.name
    }

    /// Lower-case letters; `_`, `/`, `:` and blanks are told apart from `-` and `.` by one mistake.
    private static func letters(_ word: String) -> [UInt8] { Array(word.lowercased().utf8) }

    /// Insertions, deletions, replacements and swapped neighbours (optimal string alignment).
    private static func mistakes(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var rows = [Array(0...right.count)]
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                let replaced = rows[i][j] + (left[i] == right[j] ? 0 : 1)
                var cost = min(replaced, rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, rows[i - 1][j - 1] + 1)
                }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
