import Dataflow
import Launch

/// A graph's machines as pods.
extension KubernetesManifests {
    /// A pod that waits until the supervisor starts an agent in it.
    func deployment(_ machine: Machine, _ options: [String: String]) -> String {
        let nodes = graph.nodes.filter { $0.machine == machine.name }
        let cores = machine.cores ?? max(nodes.reduce(0) { $0 + $1.cores }, 1)
        let memory = machine.memory.map { "\($0 >> 20)Mi" }
        var limits = ["cpu: \"\(cores)\""]
        if let memory { limits.append("memory: \(memory)") }
        let requests = limits.joined(separator: ", ")
        if let gpus = options["gpus"] { limits.append("nvidia.com/gpu: \(quoted(gpus))") }
        let resources = """
                    requests: { \(requests) }
                    limits: { \(limits.joined(separator: ", ")) }
            """
        let probes = """
                  # The program and its libraries are there; then whether it still runs.
                  startupProbe:
                    exec: { command: [personalive, --version] }
                    periodSeconds: 2
                    failureThreshold: 60
                  livenessProbe:
                    exec: { command: [personalive, --version] }
                    periodSeconds: 30
                    timeoutSeconds: 10
            """
        let selector = options["node-selector"].map { text in
            let pair = text.split(separator: "=", maxSplits: 1).map(String.init)
            let (key, value) = (pair.first ?? "", pair.count > 1 ? pair[1] : "")
            return "  nodeSelector: { \(quoted(key)): \(quoted(value)) }\n"
        }
        let name = KubernetesLauncher.deployment(of: machine.name, options)
        let template = pod(
            name, command: ["tini", "--", "sleep", "infinity"], resources: resources,
            probes: probes, restart: "Always",
            extra: "  automountServiceAccountToken: false\n" + (selector ?? ""))
        return """
            # Nodes: \(nodes.map(\.name).joined(separator: ", "))
            apiVersion: apps/v1
            kind: Deployment
            \(metadata(name, name))
            spec:
              replicas: 1
              # Two at once would be two machines of one name.
              strategy: { type: Recreate }
              selector:
                matchLabels:
                  app.kubernetes.io/instance: \(quoted(run))
                  app.kubernetes.io/component: \(quoted(name))
              template:
            \(Self.indented(template, by: 4))
            """
    }
}
