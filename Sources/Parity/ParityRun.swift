import Glibc
import Layers
import Tensors

/// Every fixture of a folder, run one after the other.
package struct ParityRun: Sendable {
    private let paths: [String]
    private let storage: WeightStorage

    /// - Parameters:
    ///   - filter: only fixtures whose file name contains this; nil for all.
    ///   - storage: how and where the networks keep their weights; each precision has its own tolerance,
    ///     and a device other than `cpu` was opened.
    /// - Throws: when the folder cannot be read.
    package init(
        folder: String, filter: String? = nil, storage: WeightStorage = WeightStorage()
    ) throws(FixtureError) {
        self.storage = storage
        guard let directory = opendir(folder) else {
            throw .unreadableFolder(folder, reason: String(cString: strerror(errno)))
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasSuffix(".safetensors"), filter.map({ name.contains($0) }) ?? true else {
                continue
            }
            names.append(name)
        }
        paths = names.sorted().map { folder + "/" + $0 }
    }

    /// How many fixtures there are.
    package var count: Int { paths.count }

    /// Runs all of them; `report` gets each fixture's lines as soon as they are known.
    ///
    /// - Returns: every line.
    package func callAsFunction(_ report: ([ParityLine]) -> Void) -> [ParityLine] {
        Compute.cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        return paths.flatMap { path in
            let lines = lines(path)
            report(lines)
            return lines
        }
    }

    private func lines(_ path: String) -> [ParityLine] {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let fixture: Fixture
        do {
            fixture = try Fixture(contentsOf: path, storage: storage)
        } catch {
            return [ParityLine(fixture: name, tensor: "-", note: "\(error)")]
        }
        let results = FixtureResults(fixture)
        guard let check = FixtureChecks.all.first(where: { $0.recognises(fixture) }) else {
            let weights = fixture.file.metadata["weights"] ?? "none"
            results.fail("-", "no check knows fixtures with these inputs and weights: \(weights)")
            return results.lines
        }
        do {
            try check.run(fixture, into: results)
            results.failUnchecked()
        } catch {
            results.fail("-", "\(error)")
        }
        return results.lines
    }
}
