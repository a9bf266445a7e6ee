import Dataflow
import Foundation
import Launch

/// What `kubectl apply` needs so that a graph's machines are pods: one Deployment for each machine,
/// one Job for the supervisor, and what lets them find each other and nobody else in.
///
/// Text, since manifests are for people to read and change; every value from outside is quoted as
/// JSON, which YAML reads as it is.
struct KubernetesManifests {
    private let graph: CheckedGraph
    private let files: [(name: String, text: String)]
    private let image: String
    private let claim: String?
    private let run: String

    /// - Parameters:
    ///   - files: the graph's and its parts' texts, by name, the graph's first.
    ///   - claim: a PersistentVolumeClaim with weights and media; mounted as the working folder.
    init(
        _ graph: CheckedGraph, files: [(name: String, text: String)], image: String, claim: String?
    ) {
        (self.graph, self.files, self.image, self.claim) = (graph, files, image, claim)
        let name = (graph.path as NSString).lastPathComponent.prefix { $0 != "." }.lowercased()
        run = String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.prefix(40))
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
    private func quoted(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return String(decoding: try! encoder.encode(text), as: UTF8.self)
    }

    private var namespaces: [String] {
        Set(Self.machines(of: graph).compactMap { $0.options["namespace"] }).sorted()
    }

    private func metadata(_ name: String, _ role: String) -> String {
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
    private func pod(
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

    /// A pod that waits until the supervisor starts an agent in it.
    private func deployment(_ machine: Machine, _ options: [String: String]) -> String {
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
            machine.name, command: ["tini", "--", "sleep", "infinity"], resources: resources,
            probes: probes, restart: "Always",
            extra: "  automountServiceAccountToken: false\n" + (selector ?? ""))
        return """
            # Nodes: \(nodes.map(\.name).joined(separator: ", "))
            apiVersion: apps/v1
            kind: Deployment
            \(metadata(name, machine.name))
            spec:
              replicas: 1
              # Two at once would be two machines of one name.
              strategy: { type: Recreate }
              selector:
                matchLabels:
                  app.kubernetes.io/instance: \(quoted(run))
                  app.kubernetes.io/component: \(quoted(machine.name))
              template:
            \(Self.indented(template, by: 4))
            """
    }

    private static func indented(_ text: String, by count: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "" : String(repeating: " ", count: count) + $0 }
            .joined(separator: "\n")
    }

    /// Names for the pods, without a port: nodes say where they listen.
    private var service: String {
        """
        apiVersion: v1
        kind: Service
        \(metadata(run, "pods"))
        spec:
          clusterIP: None
          publishNotReadyAddresses: true
          selector:
            app.kubernetes.io/instance: \(quoted(run))

        """
    }

    /// CURVE turns strangers away; this does not even let them come.
    private var policy: String {
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        \(metadata("\(run)-only", "pods"))
        spec:
          podSelector:
            matchLabels:
              app.kubernetes.io/instance: \(quoted(run))
          policyTypes: [Ingress]
          ingress:
            - from:
                - podSelector:
                    matchLabels:
                      app.kubernetes.io/instance: \(quoted(run))

        """
    }

    /// What the supervisor may do: start agents in pods of this namespace. A namespace for each
    /// run keeps that to its own pods.
    private var rights: String {
        let account = "\(run)-supervisor"
        let subject = namespaces.first.map { ", namespace: \(quoted($0))" } ?? ""
        return """
            apiVersion: v1
            kind: ServiceAccount
            \(metadata(account, "supervisor"))
            automountServiceAccountToken: false
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            \(metadata(account, "supervisor"))
            rules:
              - apiGroups: [""]
                resources: [pods]
                verbs: [get, list]
              - apiGroups: [""]
                resources: [pods/exec]
                verbs: [create]
              - apiGroups: [apps]
                resources: [deployments]
                verbs: [get]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            \(metadata(account, "supervisor"))
            roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: \(quoted(account)) }
            subjects:
              - { kind: ServiceAccount, name: \(quoted(account))\(subject) }

            """
    }

    /// A Secret rather than a ConfigMap: settings may name what is nobody else's business (a stream's
    /// key in an RTMP address).
    private var configuration: String {
        """
        apiVersion: v1
        kind: Secret
        \(metadata("\(run)-graph", "supervisor"))
        type: Opaque
        stringData:
        \(files.map { "  \(quoted($0.name)): \(quoted($0.text))" }.joined(separator: "\n"))

        """
    }

    private var job: String {
        let probes = """
                  livenessProbe:
                    exec: { command: [personalive, status] }
                    initialDelaySeconds: 60
                    periodSeconds: 20
                    timeoutSeconds: 10
            """
        let template = pod(
            "supervisor",
            command: ["tini", "--", "personalive", "run", "/graph/\(files[0].name)", "--quiet"],
            resources: """
                        requests: { cpu: "1", memory: 1Gi }
                        limits: { cpu: "4", memory: 8Gi }
                """, probes: probes, restart: "Never",
            mounts: ["{ name: graph, mountPath: /graph, readOnly: true }"],
            volumes: ["{ name: graph, secret: { secretName: \(quoted("\(run)-graph")) } }"],
            extra: "  serviceAccountName: \(quoted("\(run)-supervisor"))\n"
                + "  automountServiceAccountToken: true\n")
        return """
            # Nodes without a 'machine:' run in here, beside the supervisor.
            apiVersion: batch/v1
            kind: Job
            \(metadata("\(run)-supervisor", "supervisor"))
            spec:
              backoffLimit: 0
              template:
            \(Self.indented(template, by: 4))
            """
    }

    private static let containerfile = """
        # The program with the libraries it needs, for every pod:
        #   podman build -t IMAGE -f Containerfile /path/to/personalive
        # Plugins need what they are written in besides: python3-zmq and python3-numpy, say, and a copy
        # of Plugins/ in /work.
        FROM docker.io/library/swift:6.2-bookworm AS build
        RUN apt-get update && apt-get install -y --no-install-recommends \\
                libopenblas-dev libyaml-dev libzmq3-dev libdnnl-dev libavcodec-dev libavformat-dev \\
                libavutil-dev libswscale-dev libswresample-dev libavdevice-dev \\
                libcurl4-openssl-dev libssl-dev pkg-config
        WORKDIR /src
        COPY . .
        RUN swift build -c release --product personalive --static-swift-stdlib \\
            --explicit-target-dependency-import-check error

        FROM docker.io/library/debian:bookworm-slim
        RUN apt-get update && apt-get install -y --no-install-recommends \\
                libopenblas0-pthread libyaml-0-2 libzmq5 libdnnl2 libavcodec59 libavformat59 \\
                libavutil57 libswscale6 libswresample4 libavdevice59 libcurl4 libssl3 \\
                ca-certificates curl tini \\
            && curl -fsSLo /usr/local/bin/kubectl \\
                "https://dl.k8s.io/release/v1.33.0/bin/linux/$(dpkg --print-architecture)/kubectl" \\
            && chmod 755 /usr/local/bin/kubectl \\
            && apt-get purge -y curl && apt-get autoremove -y && rm -rf /var/lib/apt/lists/*
        COPY --from=build /src/.build/release/personalive /usr/local/bin/
        COPY --from=build /src/Models /work/Models
        RUN useradd --uid 10001 --create-home personalive
        USER 10001
        WORKDIR /work
        ENTRYPOINT ["tini", "--", "personalive"]

        """
}
