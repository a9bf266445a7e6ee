import ArgumentParser
import Foundation
import Models
import Networks
import Tensors

/// `personalive models verify`: whether weights are whole and fit their networks.
struct ModelsVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compares weights with their sums and with what the networks need.",
        discussion: """
            Lists every key that is missing, surplus or of another shape. Sums are known for what \
            \(WeightLock.name) in the folder holds, and for other files from the shared cache. The exit \
            code is 1 if a network that the model needs cannot be built, or if a file is not what the \
            lock holds.
            """)

    @Argument(help: "A folder of weights, or one file with --network.", completion: .file())
    var path = ModelsCommand.folder

    @Option(help: "Only this network; may be repeated.") var network: [NetworkName] = []

    @Option(help: "Dimensions of the networks; else those of a config.json beside them, or full.")
    var model: ModelSize?

    @Flag(help: "Do not read whole files for their sums.") var fast = false

    func validate() throws {
        let isFolder = try ModelsVerifyCommand.isFolder(path)
        guard isFolder || network.count == 1 else {
            throw ValidationError("\(path) is a file: say with --network which network it is of")
        }
    }

    func run() throws {
        let names = network.isEmpty ? WeightTable.networks : network.map(\.name)
        let dimensions = try ModelDimensions(model, beside: path)
        let lock = try lock()
        var isSound = true
        for name in names {
            let files = try Self.files(path, name)
            if files.isEmpty, network.isEmpty, dimensions.isOptional(name) { continue }
            let check = WeightCheck(name, files: files, dimensions.configuration)
            check.lines.forEach { print($0) }
            // What the lock holds is compared with that, below.
            let held = Set(lock.files.map(place))
            let others = files.filter { !held.contains(Self.plain($0)) }
            let sums = try fast ? [] : others.map { ($0, try Checksum(of: $0)) }
            for case (let file, .differs(let found)) in sums {
                print("\(name): \(file) is damaged: its sum is \(found); remove it and pull again")
            }
            let faults = holding(lock, among: files)
            let isWhole =
                sums.allSatisfy { if case .differs = $0.1 { false } else { true } } && faults.isEmpty
            faults.forEach { print("\(name): \($0)") }
            if check.isSound, isWhole {
                print(summary(check, unknown: sums.count { $0.1 != .matches }, of: files.count))
            }
            isSound = isSound && check.isSound && isWhole
        }
        if network.isEmpty { isSound = try holdsRest(lock, names) && isSound }
        if !isSound { throw ExitCode.failure }
    }

    /// What a pull into the folder wrote; empty for a file.
    private func lock() throws -> WeightLock {
        guard try Self.isFolder(path) else { return WeightLock() }
        do {
            return try WeightLock(of: path)
        } catch {
            throw CleanExit.failure("\(error)")
        }
    }

    /// How files differ from what the lock holds of them.
    private func holding(_ lock: WeightLock, among files: [String]) -> [String] {
        let files = Set(files.map(Self.plain))
        return lock.files.filter { files.contains(place(of: $0)) }.compactMap { entry in
            WeightLock.fault(of: entry, in: path, fast: fast).map { Self.words($0, entry) }
        }
    }

    /// Whether all that the lock holds and no network reads is as it was: licences, dimensions.
    private func holdsRest(_ lock: WeightLock, _ networks: [String]) throws -> Bool {
        let read = Set(try networks.flatMap { try Self.files(path, $0) }.map(Self.plain))
        let rest = lock.files.map(place).filter { !read.contains($0) }
        let faults = holding(lock, among: rest)
        faults.forEach { print($0) }
        return faults.isEmpty
    }

    private func place(of entry: WeightLock.Entry) -> String { Self.plain("\(path)/\(entry.target)") }

    private static func plain(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    private static func words(_ fault: WeightLock.Fault, _ entry: WeightLock.Entry) -> String {
        let found =
            switch fault {
            case .missing: "it is not there"
            case .size(let found): "found \(found) bytes, needed \(entry.size)"
            case .sum(let found): "found SHA-256 \(found), needed \(entry.sha256)"
            }
        return "\(entry.target) is not what \(WeightLock.name) holds: \(found); "
            + "remove it and the copy that it leads to, and pull again"
    }

    private func summary(_ check: WeightCheck, unknown: Int, of count: Int) -> String {
        let size = ByteCount(check.bytes.values.reduce(0, +))
        let note =
            fast ? "" : unknown == 0 ? ", sums match" : ", \(unknown) of \(count) sums not known"
        return "\(check.network): complete, \(check.precision), \(size)\(note)"
    }

    static func isFolder(_ path: String) throws -> Bool {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ValidationError(
                "there is no \(path); 'personalive models pull personalive' fetches weights")
        }
        return isFolder.boolValue
    }

    /// The files of a network in a folder, or the one file that was named.
    static func files(_ path: String, _ network: String) throws -> [String] {
        try isFolder(path) ? WeightFolder(path).files(of: network) : [path]
    }
}
