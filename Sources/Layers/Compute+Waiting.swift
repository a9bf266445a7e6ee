import Glibc

extension Compute {
    /// Begins the process anew with OpenMP's threads told not to spin while they wait, unless the environment
    /// says how they should: libgomp reads that once, when it is loaded. Nodes are started so.
    ///
    /// A command calls it before anything else. It does nothing where a process cannot begin anew.
    package static func waitPassively() {
        guard getenv("OMP_WAIT_POLICY") == nil else { return }
        setenv("OMP_WAIT_POLICY", "passive", 1)
        execv("/proc/self/exe", CommandLine.unsafeArgv)
    }
}
