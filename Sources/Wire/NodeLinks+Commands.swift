/// The computing thread's wishes.
extension NodeLinks {
    func carryOut(_ commands: [Exchange.Command]) {
        var grants: [Int: Envelope] = [:]
        for command in commands {
            switch command {
            case .publish(let port, let message, let isAwaited):
                outputs.publish(message, on: port, isAwaited: isAwaited)
            case .grant(let input, let count):
                grants[input, default: Envelope(.grant)].count += UInt32(count)
            case .release(let input, let slot, let connection):
                guard inputs?.release(slot, of: connection, input) ?? false else { continue }
                grants[input, default: Envelope(.grant)].released.append(slot)
            case .acknowledge(let next):
                for input in inputs?.acknowledge(next) ?? [] {
                    grants[input] = grants[input] ?? Envelope(.grant)
                }
            case .held: sayHeld()
            case .control(let message):
                // Whoever judges the failure has to know how far the node had come.
                if case .failed = message { say(.progress(briefReport)) }
                say(message)
            // A machine that lost its supervisor says no farewells: those on others may go on.
            case .end: if !checkSupervisorIsGone() { outputs.end() }
            }
        }
        for (input, grant) in grants { inputs?.tell(input, grant) }
    }

    /// A source says which frame would be next: higher than any that has left it.
    private func sayHeld() {
        let report = progress(false)
        let frames = [report.emitted] + report.dropped.map(\.frames)
        let last = frames.compactMap(\.last).max()
        say(.held(next: last.map { $0 + 1 } ?? exchange.firstFrame, isOver: exchange.isOver))
    }
}
