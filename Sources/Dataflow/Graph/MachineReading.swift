/// Reads one entry of `machines:`.
struct MachineReading: GraphValueReading {
    static let launchers: [String: [String]] = [
        "local": [],
        "ssh": ["host", "port", "identity", "config", "folder", "program"],
        "slurm": ["partition", "account", "qos", "time", "gpus", "gres", "constraint", "login", "folder", "program"],
        "kubernetes": ["context", "namespace", "image", "deployment", "gpus", "node-selector"],
    ]
    static let keys = ["local", "ssh", "slurm", "kubernetes", "cores", "memory", "gpu-memory", "address", "insecure"]

    var findings: Findings
    var references: SettingReferences

    /// The machine, or nil when it cannot be reached as written, which is reported.
    mutating func machine(_ entry: YAMLEntry) -> Machine? {
        let owner = "machine \(entry.key.quoted)"
        guard let entries = mapping(entry.value, owner) else { return nil }
        var launchers: [(name: String, launcher: Machine.Launcher?)] = []
        var cores: Int?
        var (memory, gpuMemory): (Int?, Int?)
        var (address, isInsecure): (String?, Bool) = (nil, false)
        for part in entries {
            switch part.key {
            case "cores": cores = whole(part.value, "'cores'", within: GraphReader.cores)?.value
            case "memory": memory = bytes(part)
            case "gpu-memory": gpuMemory = bytes(part)
            case "address":
                address = scalar(part.value, "'address'").flatMap { self.address($0) }
            case "insecure":
                isInsecure = flag(part.value)
            case let key where Self.launchers[key] != nil:
                launchers.append((key, launcher(part)))
            default: unknownKey(part, owner: owner, known: Self.keys)
            }
        }
        guard launchers.count == 1 else {
            let fault = ShapeFault.launcherCount(machine: entry.key, found: launchers.map(\.name))
            report(fault, at: entry.keyPlace, notes: [])
            return nil
        }
        guard let launcher = launchers[0].launcher else { return nil }
        if entry.key == "local", launcher != .local {
            report(ShapeFault.reservedMachine, at: entry.keyPlace, notes: [])
        }
        return Machine(
            name: entry.key, launcher: launcher, cores: cores, memory: memory, gpuMemory: gpuMemory,
            address: address, isInsecure: isInsecure)
    }

    /// Anything but a plain yes or no is reported, and is no.
    private mutating func flag(_ node: YAMLNode) -> Bool {
        guard let scalar = scalar(node, "'insecure'") else { return false }
        if let flag = scalar.flag { return flag }
        let fault = ShapeFault.notAmong(
            what: "'insecure'", found: scalar.text, nearest: nil, choices: ["true", "false"])
        report(fault, at: scalar.place, notes: scalar.notes)
        return false
    }

    /// What stands in `tcp://HOST:PORT`.
    private mutating func address(_ scalar: Scalar) -> String? {
        guard !scalar.text.contains(where: { "/:*@ ".contains($0) }) else {
            report(ShapeFault.badAddress(scalar.text), at: scalar.place, notes: scalar.notes)
            return nil
        }
        return host(scalar)
    }

    private mutating func launcher(_ entry: YAMLEntry) -> Machine.Launcher? {
        if entry.key == "ssh", case .scalar = entry.value.content {
            return scalar(entry.value, "'ssh'").flatMap { host($0) }
                .map { .ssh(host: $0, options: [:]) }
        }
        let known = Self.launchers[entry.key] ?? []
        guard let options = options(entry, known: known) else { return nil }
        switch entry.key {
        case "local": return .local
        case "slurm": return .slurm(options.mapValues(\.text))
        case "kubernetes": return .kubernetes(options.mapValues(\.text))
        default: return ssh(entry, options)
        }
    }

    private mutating func ssh(_ entry: YAMLEntry, _ options: [String: Scalar]) -> Machine.Launcher?
    {
        guard let written = options["host"] else {
            let fault = ShapeFault.missingKey("host", owner: "'ssh'", hint: "write user@host")
            report(fault, at: entry.keyPlace, notes: [])
            return nil
        }
        var rest = options.mapValues(\.text)
        rest["host"] = nil
        return host(written).map { .ssh(host: $0, options: rest) }
    }

    private mutating func options(_ entry: YAMLEntry, known: [String]) -> [String: Scalar]? {
        guard let entries = mapping(entry.value, "\(entry.key.quoted)") else { return nil }
        var options: [String: Scalar] = [:]
        for part in entries {
            if known.contains(part.key) {
                options[part.key] = scalar(part.value, "\(part.key.quoted)")
            } else {
                unknownKey(part, owner: "\(entry.key.quoted)", known: known)
            }
        }
        return options
    }

    /// A host that begins with `-` would be an option of `ssh`.
    private mutating func host(_ scalar: Scalar) -> String? {
        let text = scalar.text
        let isHost =
            !text.isEmpty && !text.hasPrefix("-") && !text.hasPrefix("@") && !text.hasSuffix("@")
            && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
        if !isHost { report(ShapeFault.badHost(text), at: scalar.place, notes: scalar.notes) }
        return isHost ? text : nil
    }

    private mutating func bytes(_ entry: YAMLEntry) -> Int? {
        guard let scalar = scalar(entry.value, entry.key.quoted) else { return nil }
        let units = [
            ("GiB", 1 << 30), ("MiB", 1 << 20), ("TB", 1_000_000_000_000), ("GB", 1_000_000_000),
            ("MB", 1_000_000),
        ]
        for (unit, bytes) in units where scalar.text.hasSuffix(unit) {
            let number = Scalar.number(String(scalar.text.dropLast(unit.count)).trimmed)
            guard let number, number > 0, number < 1e6 else { break }
            return Int(number * Double(bytes))
        }
        report(ShapeFault.badMemory(scalar.text), at: scalar.place, notes: scalar.notes)
        return nil
    }

    mutating func expand(_ scalar: Scalar) -> Scalar? {
        references.expand(scalar, findings: &findings)
    }

    mutating func report(_ fault: any Fault, at place: SourceRange, notes: [Diagnostic.Note]) {
        findings.report(fault, at: place, notes: notes)
    }

    mutating func nearest(to word: String, among candidates: [String]) -> String? {
        findings.nearest(to: word, among: candidates)
    }
}
