extension Doorkeeper {
    /// Lets a node's consumers on other machines in at an endpoint.
    ///
    /// With keys, this run's consumers are admitted and nobody else; without, the endpoint has to be
    /// on the loopback, unless the run is insecure by its author's wish.
    ///
    /// - Returns: who watches over them; nil without keys.
    static func open(
        _ router: ZMQSocketBox, at endpoint: String, _ configuration: NodeConfiguration,
        in context: ZMQContext, warn: @escaping (String) -> Void
    ) throws -> Doorkeeper? {
        let keys = configuration.keys
        let isLoopback = ["127.", "[::1]", "localhost"].contains { endpoint.hasPrefix("tcp://\($0)") }
        guard keys != nil || configuration.isInsecure || isLoopback else {
            throw WireError(
                "\(endpoint) would serve '\(configuration.name)' to everybody: without keys a node "
                    + "listens on this machine's loopback only")
        }
        let door = try keys.map { _ in try Doorkeeper(of: router, in: context, warn: warn) }
        for output in configuration.outputs {
            guard let key = output.consumerKey else { continue }
            door?.admit(output.consumer, key: key)
        }
        if endpoint.hasPrefix("tcp://") { try router.socket.serve(with: keys) }
        try router.socket.bind(endpoint)
        return door
    }
}
