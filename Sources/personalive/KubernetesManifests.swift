import Dataflow
import Foundation
import Launch

/// What `kubectl apply` needs so that a graph's machines are pods: one Deployment for each machine,
/// one Job for the supervisor, and what lets them find each other and nobody else in.
///
/// Text, since manifests are for people to read and change; every value from outside is quoted as
/// JSON, which YAML reads as it is.
struct KubernetesManifests {
    let graph: CheckedGraph
    let files: [(name: String, text: String)]
    private let image: String
    private let claim: String?
    /// What all of the run's objects are called, and labelled with.
    let run: String

    /// - Parameters:
    ///   - files: the graph's and its parts' texts, by name, the graph's first.
    ///   - claim: a PersistentVolumeClaim with weights and media; mounted as the working folder.
    init(
        _ graph: CheckedGraph, files: [(name: String, text: String)], image: String, claim: String?
    ) {
        (self.graph, self.files, self.image, self.claim) = (graph, files, image, claim)
        run = Self.name(of: graph.path)
    }

    /// A graph's file as the name of a Service, which begins with a letter and ends with one or a digit.
    static func name(of path: String) -> String {
        let file = URL(fileURLWithPath: path).lastPathComponent.prefix { $0 != "." }.lowercased()
        let plain = file.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        var name = String(plain).trimmed("-")
        if !(name.first?.isLetter ?? false) { name = "graph-\(name)" }
        return String(name.prefix(40)).trimmed("-")
    }

    /// Why a cluster would not take the manifests; nil when it would.
    static func obstacle(
        _ machines: [(machine: Machine, options: [String: String])], files: [String]
    ) -> String? {
        let names = machines.map { KubernetesLauncher.deployment(of: $0.machine.name, $0.options) }
        if let name = names.first(where: { !isLabel($0) }) {
            return "'\(name)' is no name for a Deployment: small letters, digits and '-' are, up to 63, "
                + "with a letter or a digit at either end"
        }
        if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
            return "two machines would both be Deployment '\(twice)': say another 'deployment:' for one"
        }
        guard let file = files.first(where: { !isKey($0) }) else { return nil }
        return "'\(file)' cannot be a file of a Secret: call it something of letters, digits, '-', '_' "
            + "and '.'"
    }

    /// What names of most objects are, by RFC 1123.
    private static func isLabel(_ text: String) -> Bool {
        text.utf8.count <= 63 && !text.isEmpty && text.trimmed("-") == text
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    private static func isKey(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253 && text != "." && text != ".."
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }

    /// Machines that nodes run on as pods, with their options.
    static func machines(of graph: CheckedGraph) -> [(machine: Machine, options: [String: String])] {
        let used = Set(graph.nodes.map(\.machine))
        return graph.machines.compactMap { machine in
            guard case .kubernetes(let options) = machine.launcher, used.contains(machine.name) else {
                return nil
            }
            return (machine, options)
        }
    }

    /// Every file by name.
    var all: [(name: String, text: String)] {
        [
            ("machines.yaml", Self.machines(of: graph).map(deployment).joined(separator: "---\n")),
            ("network.yaml", service + "---\n" + policy),
            ("supervisor.yaml", rights + "---\n" + configuration + "---\n" + job),
            ("Containerfile", Self.containerfile),
        ]
    }

    /// A word as YAML and JSON read it.
    func quoted(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return String(decoding: try! encoder.encode(text), as: UTF8.self)
    }

    var namespaces: [String] {
        Set(Self.machines(of: graph).compactMap { $0.options["namespace"] }).sorted()
    }

    func metadata(_ name: String, _ role: String) -> String {
        let namespace = namespaces.first.map { "\n  namespace: \(quoted($0))" } ?? ""
        return """
            metadata:
              name: \(quoted(name))\(namespace)
              labels:
                app.kubernetes.io/name: personalive
                app.kubernetes.io/instance: \(quoted(run))
                app.kubernetes.io/component: \(quoted(role))
            """
    }

    /// Nobody's rights but a user's own, nothing written but in memory and on the claim.
    func pod(
        _ role: String, command: [String], resources: String, probes: String, restart: String,
        mounts: [String] = [], volumes: [String] = [], extra: String = ""
    ) -> String {
        let work = claim.map { claim in
            "{ name: work, persistentVolumeClaim: { claimName: \(quoted(claim)) } }"
        }
        let mounts = ["{ name: tmp, mountPath: /tmp }"]
            + (work == nil ? [] : ["{ name: work, mountPath: /work }"]) + mounts
        let volumes = ["{ name: tmp, emptyDir: { medium: Memory } }"]
            + (work.map { [$0] } ?? []) + volumes
        return """
            metadata:
              labels:
                app.kubernetes.io/name: personalive
                app.kubernetes.io/instance: \(quoted(run))
                app.kubernetes.io/component: \(quoted(role))
            spec:
              restartPolicy: \(restart)
              subdomain: \(quoted(run))
              terminationGracePeriodSeconds: 20
            \(extra)  securityContext:
                runAsNonRoot: true
                runAsUser: 10001
                fsGroup: 10001
                seccompProfile: { type: RuntimeDefault }
              containers:
                - name: personalive
                  image: \(quoted(image))
                  command: [\(command.map(quoted).joined(separator: ", "))]
                  workingDir: /work
                  env:
                    # Where the other machines' nodes find those of this pod.
                    - name: PERSONALIVE_ADDRESS
                      valueFrom: { fieldRef: { fieldPath: status.podIP } }
                    - { name: HOME, value: /tmp }
                  securityContext:
                    allowPrivilegeEscalation: false
                    readOnlyRootFilesystem: true
                    capabilities: { drop: [ALL] }
                  resources:
            \(resources)
            \(probes)
                  volumeMounts:
            \(mounts.map { "        - \($0)" }.joined(separator: "\n"))
              volumes:
            \(volumes.map { "    - \($0)" }.joined(separator: "\n"))

            """
    }

    static func indented(_ text: String, by count: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "" : String(repeating: " ", count: count) + $0 }
            .joined(separator: "\n")
    }
}

extension String {
    /// Without any of a character at its ends.
    fileprivate func trimmed(_ character: Character) -> String {
        let front = drop { $0 == character }
        return String(front.reversed().drop { $0 == character }.reversed())
    }
}
