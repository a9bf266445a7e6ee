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
        for place in plan.places {
            guard let said = graph.machines.first(where: { $0.name == place.machine })?.memory
            else { continue }
            let needed = place.needed_bytes * (count + 1)
            if needed > said {
                return "error: machine '\(place.machine)' has \(MemoryPlan.text(said)), and \(count + 1) "
                    + "runs of this graph need \(MemoryPlan.text(needed)): stop one of them"
            }
        }
        return nil
    }
}
