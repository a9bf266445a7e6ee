/// A pod that waits for work, reached by the user's own `kubectl`, with its configuration.
///
/// `kubectl exec` joins an agent's standard input and output to this process over the API server's
/// TLS, as `ssh` does elsewhere: keys of a run travel in there, so that none lies in the cluster.
package struct KubernetesLauncher: MachineLauncher {
    private let machine: String
    private let options: [String: String]

    package init(machine: String, options: [String: String]) {
        (self.machine, self.options) = (machine, options)
    }

    /// What a machine's Deployment is called unless its graph says otherwise.
    package static func deployment(of machine: String, _ options: [String: String]) -> String {
        if let said = options["deployment"] { return said }
        let name = machine.lowercased()
        return "personalive-" + name.prefix(name.count - name.reversed().prefix { $0 == "-" }.count)
    }

    private var target: String { "deployment/\(Self.deployment(of: machine, options))" }

    var place: String { "kubectl exec \(target)" }
    /// A pod may have to be scheduled and its image fetched first.
    let patience = Duration.seconds(300)

    func command() throws -> [String]? {
        var words = [try ChildProcess.find("kubectl")]
        if let context = options["context"] { words += ["--context", context] }
        if let namespace = options["namespace"] { words += ["--namespace", namespace] }
        return words + [
            "exec", "-i", "--pod-running-timeout=4m", target, "--", "personalive", "agent",
        ]
    }

    func advice(_ status: Int32?, _ words: [String]) -> String {
        let said = words.joined(separator: "\n")
        if said.contains("NotFound") || said.contains("not found") {
            return "'personalive deploy GRAPH --kubernetes DIR' writes its manifests: apply them first "
                + "('kubectl apply -f DIR')"
        }
        if said.contains("Forbidden") || said.contains("forbidden") {
            return "whoever runs this needs 'get' of pods and deployments and 'create' of pods/exec "
                + "(DIR/supervisor.yaml has the Role)"
        }
        return "let 'kubectl exec -i \(target) -- personalive --version' work first"
    }
}
