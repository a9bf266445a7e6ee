/// What lets the pods of a run find each other, and nobody else in.
extension KubernetesManifests {
    /// Names for the pods, without a port: nodes say where they listen.
    var service: String {
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
    var policy: String {
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
}
