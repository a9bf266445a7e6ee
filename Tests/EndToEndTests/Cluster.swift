import Foundation

extension Tool {
    /// A `kubectl` that starts agents of this machine in place of pods.
    ///
    /// - Parameters:
    ///   - pods: by machine, what its shell is told before.
    ///   - first: what each is told.
    func playCluster(_ pods: [String: String], first: String = "") throws {
        let cases = pods.sorted { $0.key < $1.key }.map { "deployment/personalive-\($0.key)) \($0.value);;" }
        let kubectl = """
            #!/bin/sh
            echo "$@" >>\(folder)/kubectl.txt
            for word in "$@"; do case $word in
            \(cases.joined(separator: "\n"))
            esac; done
            \(first)
            exec \(program.path) agent
            """
        let bin = "\(folder)/bin"
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        try Data(kubectl.utf8).write(to: URL(fileURLWithPath: "\(bin)/kubectl"))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(bin)/kubectl")
        let path = process.environment?["PATH"] ?? "/usr/bin:/bin"
        process.environment?["PATH"] = "\(bin):\(path)"
    }
}
