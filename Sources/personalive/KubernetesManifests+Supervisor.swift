/// The supervisor as a pod, with the graph and the rights it needs.
extension KubernetesManifests {
    /// What the supervisor may do: start agents in pods of this namespace. A namespace for each
    /// run keeps that to its own pods.
    var rights: String {
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
    var configuration: String {
        """
        apiVersion: v1
        kind: Secret
        \(metadata("\(run)-graph", "supervisor"))
        type: Opaque
        stringData:
        \(files.map { "  \(quoted($0.name)): \(quoted($0.text))" }.joined(separator: "\n"))

        """
    }

    var job: String {
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
}
