import Dataflow

/// Whether another run of a graph fits on its machines beside those that run, as `personalive plan` reckons.
enum SessionPlan {
    /// Why there is no room for another run; nil where there is, or the graph has faults, which the run
    /// itself says.
    ///
    /// - Parameter count: runs of the graph that there are. What they take is no longer free on this
    ///   machine; of a machine whose memory the graph states, it is taken off.
    static func refusal(_ file: String, settings: [String: String], beside count: Int) -> String? {
        let check = GraphFile.check(
            path: file, overrides: settings.map { (name: $0.key, value: $0.value) },
            registry: PluginFolders.load(besides: file).registry)
        guard let graph = check.graph else { return nil }
        let plan = MemoryPlan(graph)
        if let refusal = plan.refusal { return refusal }
        let machines = Dictionary(uniqueKeysWithValues: graph.machines.map { ($0.name, $0) })
        let limits = plan.places.map { ("machine '\($0.machine)'", machines[$0.machine]?.memory, $0.needed_bytes) }
            + plan.gpus.map {
                ("'\($0.gpu)' of machine '\($0.machine)'", machines[$0.machine]?.gpuMemory, $0.needed_bytes)
            }
        for (place, said, needed) in limits {
            guard let said, needed * (count + 1) > said else { continue }
            return "error: \(place) has \(MemoryPlan.text(said)), and \(count + 1) runs of this graph need "
                + "\(MemoryPlan.text(needed * (count + 1))): stop one of them"
        }
        return nil
    }
}
