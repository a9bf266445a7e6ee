import Dataflow
import Wire

/// A change of a running graph, from the request to its last reply. Pure: what happens goes in, what
/// the supervisor has to do comes out.
///
/// All new processes load first, beside what runs: until the last of them is ready, nothing has
/// changed, and a fault leaves everything as it was. Then nodes are replaced, and then the edges
/// change, everywhere at the same frame: sources pause between two frames, every node is told which of
/// its edges end before the first frame that none of them has sent and which begin with it, and when
/// all have answered the sources go on. Live settings change last, when nothing can fail any more.
struct GraphEdit {
    enum Step: Equatable {
        /// New processes load.
        case loading
        /// Old processes of replaced nodes hand over.
        case replacing
        /// Sources are asked to pause between two frames.
        case holding
        /// Nodes are told their edges: from here on there is no way back. A node that exits is restarted
        /// under its usual policy, and told again.
        case rewiring
        /// Inputs reach the ends of their old edges; nodes that were removed finish; others take their
        /// live settings between two ticks.
        case moving
        /// It was given up; old processes that were told to hand over still do.
        case unwinding
        case over
    }

    /// How far the replacement of one node has come.
    enum Replacement: Equatable {
        case loading
        /// The old process was told to hand over.
        case retiring(since: Int64)
        /// What the old process left is on its way to the machine of the new one.
        case moving(since: Int64)
        case replaced
    }

    enum Event: Equatable {
        /// Time has passed. `loaded`: nodes whose new process has loaded and can be connected;
        /// `sources`: those that have to pause, and have not sent all.
        case tick(loaded: Set<String>, sources: Set<String>)
        /// A new process failed, or the change cannot be made for another reason.
        case failed(node: String?, String)
        /// The old process of a node has handed over, or is not there any more; `movesJournal` says
        /// whether what it left has to go to another machine.
        case handedOver(String, movesJournal: Bool)
        case journalMoved(String)
        /// The new process of a node is in its place; `text` says so.
        case replaced(String, text: String)
        /// A source is between two frames.
        case held(String, next: UInt64, isOver: Bool)
        /// These nodes were told their edges, and these inputs (`node.edge`) go on with new ones.
        case told(Set<String>, moving: Set<String>)
        case rewired(String)
        case moved(String, edge: String)
        /// A node has taken its live settings, and processes all frames from this one on by them; nil
        /// where that is not known: its process is new, or has seen no frame.
        case applied(String, frame: UInt64?)
        /// A node has done its work.
        case done(String)
        /// A node that was removed has finished.
        case left(String)
        /// The run is ending.
        case ending
        /// No process of the run is left.
        case runOver
        /// The supervisor was stopped for so long itself.
        case suspended(Int64)
    }

    enum Effect: Equatable {
        /// Tell the old process of a node to hand over.
        case retire(String)
        /// The old process did not hand over in time.
        case killOld(String)
        case moveJournal(String)
        /// Put the new process of a node in its place.
        case adopt(String)
        case hold
        /// Let sources go on.
        case release
        /// Tell nodes their edges.
        case rewire
        /// Tell nodes their live settings.
        case set
        /// A node did not answer in time.
        case blame(String, String)
        /// Later changes come on top of this one.
        case accept
        /// Connect the nodes that are new, and let those that were removed finish.
        case commit(String)
        /// End the new processes of these nodes.
        case drop([String])
        /// Tell the requester something while the rest is still being done, or show it to all.
        case note(String)
        case say(String)
        /// The last reply: all is done, or nothing was changed, and why.
        case finish(String)
        case refuse(String)
    }

    let plan: RunPlan
    let accept: () -> Void
    let difference: PlanDifference
    /// Whom to tell what came of it.
    let requester: String
    /// Tells the edges that it makes from those before them.
    let edition: Int
    private let old: RunPlan

    private(set) var step = Step.loading
    private var since: Int64
    private var replacements: [String: Replacement]
    private let joining: Set<String>
    /// New processes that have loaded and can be connected, by node.
    private var loaded: Set<String> = []
    /// By source, the first frame that it has not sent, and whether it will send it.
    private var held: [String: (next: UInt64, isOver: Bool)] = [:]
    /// By node, the first frame of its stream that goes the new ways.
    private(set) var frames: [String: UInt64] = [:]
    /// Nodes that have not answered.
    private(set) var awaited: Set<String> = []
    /// Inputs that have not gone on to their new edges, and removed sinks that have files to close.
    private var moving: Set<String> = [], closing: Set<String> = []
    /// Nodes that have not taken their live settings, and from which frame on others go by theirs.
    private var setting: Set<String> = []
    private var setFrom: [String: UInt64] = [:]
    private let began: Int64
    private var loadedAt: Int64 = 0
    /// What is said when all is done.
    private var text = ""

    /// Weights of the largest models load from a slow disk in that time, and a window of frames is
    /// finished on a slow machine.
    private static let longLimit: Int64 = 600_000_000_000
    /// Sources that do not come to a frame's end, or nodes that do not answer, in this time will not.
    private static let shortLimit: Int64 = 10_000_000_000

    init(
        _ planned: PlannedChange, _ difference: PlanDifference, from old: RunPlan, edition: Int,
        for requester: String, at now: Int64
    ) {
        (plan, accept, self.difference, self.old) = (planned.plan, planned.accept, difference, old)
        (self.edition, self.requester, since, began) = (edition, requester, now, now)
        replacements = Dictionary(
            uniqueKeysWithValues: difference.replaced.map { ($0.name, .loading) })
        joining = Set(difference.added.map(\.name))
        closing = Set(
            old.nodes.filter { $0.isSink && difference.removed.contains($0.name) }.map(\.name))
    }

    /// Whether nodes know of their new edges or settings.
    var isCommitted: Bool { step == .rewiring || step == .moving }

    /// Whether sources pause, so that one that takes over does so, too.
    var holdsSources: Bool { step == .holding || step == .rewiring }

    /// Whether a node's old process was told to hand over, or has.
    func isRetiring(_ node: String) -> Bool {
        switch replacements[node] {
        case .retiring, .moving: true
        default: false
        }
    }

    /// Whether what a node's old process left is on its way.
    func isMovingJournal(of node: String) -> Bool {
        if case .moving = replacements[node] { true } else { false }
    }

    /// Names of the nodes that become other processes, are new, or get other live settings.
    var names: [String] {
        difference.replaced.map(\.name) + difference.added.map(\.name) + difference.set.map(\.name)
    }

    // MARK: Events

    mutating func apply(_ event: Event, at now: Int64) -> [Effect] {
        guard step != .over else { return [] }
        switch event {
        case .tick(let loaded, let sources):
            self.loaded = loaded
            return advance(sources, now)
        case .failed(let node, let reason): return fail(node, reason)
        case .handedOver(let node, let movesJournal):
            return handOver(node, movesJournal, now)
        case .journalMoved(let node):
            return isMovingJournal(of: node) ? [.adopt(node)] : []
        case .replaced(let node, let text): return replace(node, text, now)
        case .held(let source, let next, let isOver):
            if step == .holding { held[source] = (next, isOver) }
        case .told(let nodes, let moving):
            if step == .rewiring { (awaited, self.moving) = (nodes, moving) }
        case .rewired(let node): awaited.remove(node)
        case .moved(let node, let edge): moving.remove("\(node).\(edge)")
        case .applied(let node, let frame):
            if setting.remove(node) != nil { setFrom[node] = frame }
            return finishIfOver(now)
        case .done(let node):
            setting.remove(node)
            // It says no more which edges it has moved to.
            awaited.remove(node)
            moving = moving.filter { !$0.hasPrefix("\(node).") }
        case .left(let node): closing.remove(node)
        case .ending: return isCommitted ? [] : fail(nil, "the run is ending")
        case .runOver: return end()
        case .suspended(let gap): forgive(gap)
        }
        return []
    }

    private mutating func enter(_ next: Step, _ now: Int64) { (step, since) = (next, now) }

    private mutating func advance(_ sources: Set<String>, _ now: Int64) -> [Effect] {
        switch step {
        case .loading: return finishLoading(now)
        case .replacing, .unwinding: return hurryOld(now)
        case .holding: return finishHolding(sources, now)
        case .rewiring: return finishRewiring(now)
        case .moving: return finishIfOver(now)
        case .over: return []
        }
    }

    // MARK: Steps

    private mutating func finishLoading(_ now: Int64) -> [Effect] {
        let new = joining.union(replacements.keys)
        guard new.isSubset(of: loaded) else {
            guard now - since > Self.longLimit else { return [] }
            let late = new.subtracting(loaded).sorted().joined(separator: ", ")
            return fail(
                nil, "these did not load within \(Self.longLimit / 1_000_000_000) s: \(late)")
        }
        loadedAt = now
        guard !replacements.isEmpty else { return startEdges(now) }
        for name in replacements.keys { replacements[name] = .retiring(since: now) }
        enter(.replacing, now)
        return replacements.keys.sorted().map { .retire($0) }
    }

    /// An old process that does not hand over is ended: its journal is there all the same.
    private mutating func hurryOld(_ now: Int64) -> [Effect] {
        replacements.keys.sorted().compactMap { name in
            guard case .retiring(let since) = replacements[name], now - since > Self.longLimit
            else {
                return nil
            }
            replacements[name] = .retiring(since: now)
            return .killOld(name)
        }
    }

    private mutating func handOver(_ node: String, _ movesJournal: Bool, _ now: Int64) -> [Effect] {
        guard case .retiring(let since) = replacements[node] else { return [] }
        guard movesJournal else { return [.adopt(node)] }
        replacements[node] = .moving(since: since)
        return [.moveJournal(node)]
    }

    private mutating func replace(_ node: String, _ what: String, _ now: Int64) -> [Effect] {
        guard isRetiring(node) else { return [] }
        replacements[node] = .replaced
        let loading = Double(loadedAt - began) / 1e6, handing = Double(now - loadedAt) / 1e6
        let words =
            "\(what): loaded in \(RunSnapshot.time(loading)), handed over in \(RunSnapshot.time(handing))"
        guard step == .replacing else { return [.say(words)] + (isHandingOver ? [] : unwind()) }
        text = words
        let note: [Effect] = isHandingOver || difference.rewires ? [.note(words)] : []
        return [.say(words)] + note + (isHandingOver ? [] : startEdges(now))
    }

    private mutating func startEdges(_ now: Int64) -> [Effect] {
        guard !difference.rewires else {
            enter(.holding, now)
            return [.hold]
        }
        guard !difference.set.isEmpty else { return [.accept] + finish(text) }
        enter(.moving, now)
        return [.accept] + startSetting()
    }

    private mutating func startSetting() -> [Effect] {
        setting = Set(difference.set.map(\.name))
        return setting.isEmpty ? [] : [.set]
    }

    private mutating func finishHolding(_ sources: Set<String>, _ now: Int64) -> [Effect] {
        if let late = sources.sorted().first(where: { held[$0] == nil }) {
            guard now - since > Self.shortLimit else { return [] }
            return fail(nil, "'\(late)' did not come to the end of a frame within 10 s")
        }
        if let ended = findFrames() {
            return fail(
                nil, "the stream of '\(ended)' is at its end: nothing would come of it any more")
        }
        enter(.rewiring, now)
        return [.rewire]
    }

    private mutating func finishRewiring(_ now: Int64) -> [Effect] {
        guard awaited.isEmpty, joining.isSubset(of: loaded) else {
            guard now - since > Self.shortLimit else { return [] }
            since = now
            return awaited.sorted().map { .blame($0, "it did not answer 'rewire' within 10 s") }
        }
        enter(.moving, now)
        text = "changed from \(framesText) on"
        return [.accept, .commit(text), .release] + startSetting()
    }

    private mutating func finishIfOver(_ now: Int64) -> [Effect] {
        guard step == .moving else { return [] }
        if moving.isEmpty, closing.isEmpty, setting.isEmpty { return finish(fullText(now)) }
        guard now - since > Self.longLimit else { return [] }
        let edges = moving.union(closing).sorted().joined(separator: ", ")
        let nodes = setting.sorted().joined(separator: ", ")
        return finish(
            fullText(now)
                + (edges.isEmpty ? "" : "; these have not come to the end of their old edges yet: \(edges)")
                + (nodes.isEmpty ? "" : "; these have not taken their settings yet: \(nodes)"))
    }

    /// What was done, with the frames from which nodes go by their live settings.
    private func fullText(_ now: Int64) -> String {
        let taken = difference.set.map(\.name).filter { !setting.contains($0) }
        guard !taken.isEmpty else { return text }
        let words = taken.map { node in
            "'\(node)'" + (setFrom[node].map { " from frame \($0) on" } ?? "")
        }
        let time = RunSnapshot.time(Double(now - since) / 1e6)
        return (text.isEmpty ? "" : "\(text); ") + "live settings are in effect after \(time): "
            + words.joined(separator: ", ")
    }

    // MARK: Its end

    private mutating func finish(_ text: String) -> [Effect] {
        step = .over
        return [.finish(text)]
    }

    /// Everything stays as it was, but for nodes that were replaced already.
    private mutating func fail(_ node: String?, _ reason: String) -> [Effect] {
        guard !isCommitted, step != .unwinding else {
            // Its successor is gone: what the old process leaves is its own next one's.
            guard let node, isRetiring(node) else { return [] }
            replacements[node] = nil
            return [.drop([node])] + (step == .unwinding && !isHandingOver ? unwind() : [])
        }
        let release: [Effect] = step == .holding ? [.release] : []
        // One that is handing over has no way back: its successor is ready.
        let dropped = replacements.keys.filter { name in
            replacements[name] == .loading || name == node
        }
        (step, text) = (.unwinding, reason)
        return drop(dropped) + release + (isHandingOver ? [] : unwind())
    }

    /// The new processes of these nodes, and of those that were to join, are not needed any more.
    private mutating func drop(_ nodes: [String]) -> [Effect] {
        for node in nodes { replacements[node] = nil }
        let names = (nodes + joining).sorted()
        return names.isEmpty ? [] : [.drop(names)]
    }

    private var isHandingOver: Bool { replacements.values.contains { $0 != .replaced } }

    private mutating func unwind() -> [Effect] {
        step = .over
        let made = replacements.keys.filter { replacements[$0] == .replaced }.sorted()
        let words = made.isEmpty ? "" : "\n  already replaced: " + made.joined(separator: ", ")
        return [.refuse(text + words)]
    }

    private mutating func end() -> [Effect] {
        switch step {
        case .moving: return finish(text)
        case .rewiring:
            step = .over
            return [.refuse("the run ended while its nodes were told")]
        default:
            let release: [Effect] = step == .holding ? [.release] : []
            if step != .unwinding { text = "the run is over" }
            return drop(replacements.keys.filter { replacements[$0] != .replaced }) + release
                + unwind()
        }
    }

    /// Nodes get the time again in which the supervisor could not listen.
    private mutating func forgive(_ gap: Int64) {
        since += gap
        for (name, replacement) in replacements {
            switch replacement {
            case .retiring(let since): replacements[name] = .retiring(since: since + gap)
            case .moving(let since): replacements[name] = .moving(since: since + gap)
            case .loading, .replaced: break
            }
        }
    }

    // MARK: Frames

    /// Works out where the new ways begin, once all sources pause.
    ///
    /// - Returns: a node whose stream is at its end, so that its edges cannot change any more.
    private mutating func findFrames() -> String? {
        let streams = Streams(of: [old, plan])
        var over: Set<String> = [], first: [String: UInt64] = [:]
        for (source, found) in held {
            let stream = streams.stream(of: source)
            if found.isOver { over.insert(stream) }
            first[stream] = max(first[stream] ?? 0, found.next)
        }
        for node in (old.nodes + plan.nodes).map(\.name) {
            let stream = streams.stream(of: node)
            frames[node] = over.contains(stream) ? nil : first[stream]
        }
        // Behind a node that numbers frames anew no source can be waited for: edges change over at once.
        return (difference.addedEdges + difference.removedEdges).first { edge in
            !joining.contains(edge.producer) && frames[edge.producer] == nil
                && !streams.beginsInside(edge.producer)
                && plan.pace(of: edge.to, or: old).isOfFrames
        }?.producer
    }

    /// The first frame on an edge that is new, or not any more on one that is old; nil where what it
    /// carries has no frames.
    private func start(of output: NodeConfiguration.Output, from node: String) -> UInt64? {
        let pace = plan.pace(of: "\(output.consumer).\(output.consumerPort)", or: old)
        return pace.isOfFrames ? frames[node] : nil
    }

    /// The first frame that goes the new ways, for people.
    private var framesText: String {
        let producers = (difference.addedEdges + difference.removedEdges).map(\.producer)
        let numbers = Set(producers.compactMap { frames[$0] }).sorted().map(String.init)
        return "frame\(numbers.count > 1 ? "s" : "") \(numbers.joined(separator: ", "))"
    }

    /// A node that joins, with edges that consumers tell from the ones that they have.
    func joined(_ node: RunPlan.PlannedNode) -> RunPlan.PlannedNode {
        var node = node
        for index in node.configuration.outputs.indices {
            node.configuration.outputs[index].edition = edition
        }
        for index in node.configuration.inputs.indices {
            node.configuration.inputs[index].edition = edition
        }
        return node
    }

    /// A node's outputs as they are to be, from the change's frame on.
    func outputs(_ node: RunPlan.PlannedNode) -> [NodeConfiguration.Output] {
        var outputs = node.configuration.outputs
        for index in outputs.indices where outputs[index].until == nil {
            guard difference.removedEdges.contains(.init(node.name, outputs[index])) else {
                continue
            }
            outputs[index].until = start(of: outputs[index], from: node.name) ?? 0
        }
        let target = plan.nodes.first { $0.name == node.name }
        for var output in target?.configuration.outputs ?? []
        where difference.addedEdges.contains(.init(node.name, output)) {
            output.since = start(of: output, from: node.name)
            output.edition = edition
            outputs.append(output)
        }
        return outputs
    }

    /// A node's inputs that have other edges from then on, and ports that have none.
    func inputs(
        of node: String, now own: [NodeConfiguration.Input]
    ) -> (new: [NodeConfiguration.Input], dropped: [String]) {
        let wanted = plan.nodes.first { $0.name == node }?.configuration.inputs ?? []
        let changed = difference.addedEdges.filter { $0.consumer == node }.map(\.port)
        let new = wanted.filter { changed.contains($0.port) }.map { input in
            var input = input
            input.edition = edition
            return input
        }
        return (new, own.map(\.port).filter { port in !wanted.contains { $0.port == port } })
    }
}
