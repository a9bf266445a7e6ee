/// A process of a node, wherever it runs: its end, its signals and what it prints.
protocol NodeProcess: AnyObject {
    /// Its number on its own machine; 0 until it is known.
    var pid: Int32 { get }
    /// Nil while it runs; an exit code, or minus a signal.
    var status: Int32? { get }
    /// What was wrong with its machine, where the process itself is not to blame for its end.
    var fault: String? { get }
    /// Whether its machine is not there, and may be again.
    var isMachineLost: Bool { get }
    /// What to wait for before there is something to read; none where that is told otherwise.
    var outputs: [Int32] { get }
    /// Whether it, and whatever it started, will print no more.
    var outputHasEnded: Bool { get }

    /// Complete lines printed since the last look.
    func readLines() -> [PrintedLine]
    /// Looks whether the process has ended; true once.
    func reap() -> Bool
    func signal(_ signal: Int32)
    /// Ends the process and whatever it started itself, at once.
    func killGroup()
}
