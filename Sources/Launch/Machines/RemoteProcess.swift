import Glibc

/// A process of a node on another machine: what its agent tells of it.
final class RemoteProcess: NodeProcess {
    let id: String
    private(set) var pid: Int32 = 0
    private(set) var status: Int32?
    /// What went wrong with its machine, rather than with itself.
    private(set) var fault: String?
    private(set) var isMachineLost = false
    private var lines: [PrintedLine] = []
    private var isReaped = false
    private unowned let link: MachineLink

    init(_ id: String, on link: MachineLink) {
        (self.id, self.link) = (id, link)
    }

    var outputs: [Int32] { [] }
    var outputHasEnded: Bool { status != nil }

    func readLines() -> [PrintedLine] {
        defer { lines = [] }
        return lines
    }

    func reap() -> Bool {
        guard status != nil, !isReaped else { return false }
        isReaped = true
        return true
    }

    func signal(_ signal: Int32) { send(signal, toGroup: false) }

    func killGroup() { send(SIGKILL, toGroup: true) }

    private func send(_ signal: Int32, toGroup isForGroup: Bool) {
        guard status == nil else { return }
        // Where no agent is there yet, there is no process either, nor will there be.
        guard link.facts != nil else {
            link.withdraw(id)
            return end(-signal)
        }
        link.send(.signal(id: id, number: signal, isForGroup: isForGroup))
    }

    // MARK: What the agent tells

    func began(pid: Int32) { self.pid = pid }

    func printed(_ line: PrintedLine) { lines.append(line) }

    /// - Parameters:
    ///   - fault: why, where the process itself is not to blame.
    ///   - isMachineLost: whether its machine is not there, and may be again.
    func end(_ status: Int32, _ fault: String? = nil, isMachineLost: Bool = false) {
        guard self.status == nil else { return }
        (self.status, self.fault, self.isMachineLost) = (status, fault, isMachineLost)
    }
}
