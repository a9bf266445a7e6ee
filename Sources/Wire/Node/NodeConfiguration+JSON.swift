import NodeKit

extension NodeConfiguration: Codable {
    private enum Key: String, CodingKey {
        case node, settings, cores, inputs, outputs, listen, curve, insecure, spec
        case oldest = "oldest_ns"
        case latencyBudget = "latency_budget_ns"
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(name, forKey: .node)
        try object.encode(settings.values, forKey: .settings)
        try object.encode(settings.cores, forKey: .cores)
        try object.encode(inputs, forKey: .inputs)
        try object.encode(outputs, forKey: .outputs)
        try object.encodeIfPresent(listen, forKey: .listen)
        try object.encodeIfPresent(keys, forKey: .curve)
        if isInsecure { try object.encode(true, forKey: .insecure) }
        try object.encodeIfPresent(oldest, forKey: .oldest)
        try object.encodeIfPresent(latencyBudget, forKey: .latencyBudget)
        try object.encodeIfPresent(spec.map(ToldSpec.init), forKey: .spec)
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        self.init(
            name: try object.decode(String.self, forKey: .node),
            settings: Settings(
                try object.decode([String: SettingValue].self, forKey: .settings),
                cores: try object.decode(Int.self, forKey: .cores)),
            inputs: try object.decode([Input].self, forKey: .inputs),
            outputs: try object.decode([Output].self, forKey: .outputs))
        listen = try object.decodeIfPresent(String.self, forKey: .listen)
        keys = try object.decodeIfPresent(CurveKeys.self, forKey: .curve)
        oldest = try object.decodeIfPresent(Int64.self, forKey: .oldest)
        latencyBudget = try object.decodeIfPresent(Int64.self, forKey: .latencyBudget)
        spec = try object.decodeIfPresent(ToldSpec.self, forKey: .spec)?.spec
        isInsecure = try object.decodeIfPresent(Bool.self, forKey: .insecure) ?? false
    }
}

/// A port of a node as one word, `camera.frame`. Names of nodes have no dots in them.
private struct End {
    let node: String
    let port: String

    init<Key>(_ object: KeyedDecodingContainer<Key>, _ key: Key) throws {
        let word = try object.decode(String.self, forKey: key)
        guard let dot = word.firstIndex(of: ".") else {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: object, debugDescription: "'\(word)' is not 'node.port'")
        }
        node = String(word[..<dot])
        port = String(word[word.index(after: dot)...])
    }
}

extension NodeConfiguration.Input: Codable {
    private enum Key: String, CodingKey {
        case port, from, endpoint, keep, window, tap, key, half, elsewhere, edition, type, pace, condition
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(port, forKey: .port)
        try object.encode("\(producer).\(producerPort)", forKey: .from)
        try object.encode(endpoint, forKey: .endpoint)
        try object.encode(keep, forKey: .keep)
        try object.encode(window, forKey: .window)
        try object.encodeIfPresent(tap, forKey: .tap)
        try object.encodeIfPresent(producerKey, forKey: .key)
        if isHalved { try object.encode(true, forKey: .half) }
        if isElsewhere { try object.encode(true, forKey: .elsewhere) }
        try object.encodeIfPresent(type, forKey: .type)
        try object.encodeIfPresent(pace?.rawValue, forKey: .pace)
        try object.encodeIfPresent(condition, forKey: .condition)
        if edition != 0 { try object.encode(edition, forKey: .edition) }
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        let from = try End(object, .from)
        self.init(
            port: try object.decode(String.self, forKey: .port), producer: from.node,
            producerPort: from.port, endpoint: try object.decode(String.self, forKey: .endpoint),
            keep: try object.decode(Keep.self, forKey: .keep),
            window: try object.decode(Int.self, forKey: .window))
        tap = try object.decodeIfPresent(String.self, forKey: .tap)
        isHalved = try object.decodeIfPresent(Bool.self, forKey: .half) ?? false
        isElsewhere = try object.decodeIfPresent(Bool.self, forKey: .elsewhere) ?? false
        producerKey = try object.decodeIfPresent(String.self, forKey: .key)
        edition = try object.decodeIfPresent(Int.self, forKey: .edition) ?? 0
        type = try object.decodeIfPresent(NodeConfiguration.TensorType.self, forKey: .type)
        pace = try object.decodeIfPresent(String.self, forKey: .pace).flatMap(Pace.init)
        condition = try object.decodeIfPresent(Bool.self, forKey: .condition)
    }
}

extension NodeConfiguration.Output: Codable {
    private enum Key: String, CodingKey {
        case port, to, keep, window, inline, key, half, since, until, thinning, group
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(port, forKey: .port)
        try object.encode(identity, forKey: .to)
        try object.encode(keep, forKey: .keep)
        try object.encode(window, forKey: .window)
        if isInline { try object.encode(true, forKey: .inline) }
        try object.encodeIfPresent(consumerKey, forKey: .key)
        if isHalved { try object.encode(true, forKey: .half) }
        try object.encodeIfPresent(thinning, forKey: .thinning)
        try object.encodeIfPresent(group, forKey: .group)
        try object.encodeIfPresent(since, forKey: .since)
        try object.encodeIfPresent(until, forKey: .until)
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        let to = try End(object, .to)
        self.init(
            port: try object.decode(String.self, forKey: .port), consumer: to.node,
            consumerPort: String(to.port.prefix { $0 != "~" }),
            keep: try object.decode(Keep.self, forKey: .keep),
            window: try object.decode(Int.self, forKey: .window))
        edition = Int(to.port.drop { $0 != "~" }.dropFirst()) ?? 0
        thinning = try object.decodeIfPresent(Thinning.self, forKey: .thinning)
        group = try object.decodeIfPresent(ReplicaGroup.self, forKey: .group)
        since = try object.decodeIfPresent(UInt64.self, forKey: .since)
        until = try object.decodeIfPresent(UInt64.self, forKey: .until)
        isInline = try object.decodeIfPresent(Bool.self, forKey: .inline) ?? false
        isHalved = try object.decodeIfPresent(Bool.self, forKey: .half) ?? false
        consumerKey = try object.decodeIfPresent(String.self, forKey: .key)
    }
}
