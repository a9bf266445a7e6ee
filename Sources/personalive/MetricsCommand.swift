import ArgumentParser
import Foundation
import Glibc
import HTTP
import Launch

/// `personalive metrics`: serves a run's figures for Prometheus until the run is over.
struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Serves figures of a running graph for Prometheus, on this machine only.",
        discussion: """
            Prints the address, and ends with the run. 'personalive run --metrics PORT' starts it \
            together with the graph.

            Exit codes: 0 the run is over, 1 no such run or no such port, 64 the command line is wrong.
            """)

    @OptionGroup var target: RunArgument

    @Option(help: "A port of 127.0.0.1; 0 for any.")
    var port: UInt16 = 0

    /// Bytes of memory, and descriptors: beyond them a client has sent a header without an end, or
    /// holds connections without a use. The process ends then, and `run` starts another one.
    private static let (memory, descriptors): (rlim_t, rlim_t) = (512 << 20, 256)

    func run() throws {
        let folder = try target.client().folder
        guard RunFolder.isAlive(folder) else { throw fault("no graph runs in \(folder)") }
        Self.limit(__rlimit_resource_t(RLIMIT_DATA.rawValue), to: Self.memory)
        Self.limit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), to: Self.descriptors)
        let figures = RunFigures(folder: folder)
        let port = port
        Task.detached {
            do {
                let server = try await LocalServer(
                    port: port, routes: ["/metrics": { await figures.response() }])
                try await server.run {
                    print("http://127.0.0.1:\($0)/metrics"); fflush(nil)
                }
            } catch {
                FileHandle.standardError.write(Data("error: \(error)\n".utf8))
                Foundation.exit(1)
            }
        }
        while RunFolder.isAlive(folder) { Thread.sleep(forTimeInterval: 0.5) }
    }

    private func fault(_ text: String) -> ExitCode {
        FileHandle.standardError.write(Data("error: \(text)\n".utf8))
        return ExitCode(1)
    }

    private static func limit(_ resource: __rlimit_resource_t, to most: rlim_t) {
        var limit = rlimit()
        getrlimit(resource, &limit)
        limit.rlim_cur = min(most, limit.rlim_max)
        setrlimit(resource, &limit)
    }
}
