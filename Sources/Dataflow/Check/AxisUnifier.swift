import NodeKit

/// Why two axes cannot be the same.
enum AxisConflict {
    /// Both extents are known, and differ; each with what fixed it, unless the port itself did.
    case extents(Int, Int, causes: [Diagnostic.Note])
    /// One end fixes an extent that the other can only have in fractions.
    case indivisible(Int, by: Int, causes: [Diagnostic.Note])
    /// Both ends are multiples of one unknown extent, and not the same multiple.
    case multiples
    /// Beyond what can be computed with.
    case tooLarge

    var causes: [Diagnostic.Note] {
        switch self {
        case .extents(_, _, let causes), .indivisible(_, _, let causes): causes
        case .multiples, .tooLarge: []
        }
    }

    /// The second half of "'a.x' and 'b.y' cannot meet: on axis 2, …".
    func text(_ ends: EdgeEnds, _ index: Int) -> String {
        let (sent, needed) = (ends.output.axes[index], ends.input.axes[index])
        return switch self {
        case .extents(let left, let right, _):
            "\(Self.shown(sent, left)) is sent, \(Self.shown(needed, right)) is needed"
        case .indivisible(let extent, let divisor, _):
            "\(extent) meets '\(sent)' and '\(needed)', but \(extent) is not a multiple of \(divisor)"
        case .multiples:
            "'\(sent)' meets '\(needed)', and the rest of the graph makes them different"
        case .tooLarge: "the extent of '\(sent)' is beyond all bounds"
        }
    }

    private static func shown(_ axis: Axis, _ extent: Int) -> String {
        if case .constant = axis { return "\(extent)" }
        return "\(axis) = \(extent)"
    }
}

/// Finds extents for all named axes of a graph, or where two of them contradict each other.
///
/// Axes that must be the same form a group; each is a rational multiple of the group's unit, since
/// `8h` of one node may be `h` of the next.
struct AxisUnifier {
    /// A named axis of one node; other nodes' axes of the same name are other variables.
    private struct Variable: Hashable {
        let node: String
        let axis: String
    }

    private struct Group {
        var members: [Int]
        /// Least common denominator of the members: the unit must be a multiple of it.
        var divisor = 1
        /// What one unit is, once something fixes it, and what did.
        var unit: (extent: Int, cause: Diagnostic.Note)?
    }

    /// One side of an equation: `factor` units of a group, or a plain extent.
    private enum Term {
        case extent(Int)
        case units(Ratio, group: Int)
    }

    private var indices: [Variable: Int] = [:]
    private var membership: [(group: Int, ratio: Ratio)] = []
    private var groups: [Group] = []

    /// Gives a node's axis the extent that one of the node's settings has.
    mutating func fix(
        _ axis: String, of node: String, to extent: Int, because cause: Diagnostic.Note
    ) {
        let index = index(of: axis, node)
        groups[membership[index].group].unit = (extent, cause)
    }

    /// Makes two axes the same; `cause` names the edge, for conflicts that this one leads to.
    mutating func unify(
        _ left: (axis: Axis, node: String), _ right: (axis: Axis, node: String),
        because cause: Diagnostic.Note
    ) -> AxisConflict? {
        guard let first = term(left.axis, left.node), let second = term(right.axis, right.node)
        else { return .tooLarge }
        switch (first, second) {
        case (.extent(let left), .extent(let right)):
            return left == right ? nil : .extents(left, right, causes: [])
        case (.units(let ratio, let group), .extent(let extent)):
            return fix(group, ratio, to: extent, because: cause, isLeft: true)
        case (.extent(let extent), .units(let ratio, let group)):
            return fix(group, ratio, to: extent, because: cause, isLeft: false)
        case (.units(let left, let first), .units(let right, let second)):
            return first == second
                ? (left == right ? nil : sameGroup(first, left, right))
                : merge(first, left, second, right)
        }
    }

    /// The extent of an axis, if the graph fixes it.
    mutating func extent(of axis: Axis, _ node: String) -> Int? {
        switch term(axis, node) {
        case .extent(let extent): extent
        case .units(let ratio, let group): groups[group].unit.flatMap { ratio.times($0.extent) }
        case nil: nil
        }
    }

    private mutating func index(of axis: String, _ node: String) -> Int {
        let variable = Variable(node: node, axis: axis)
        if let index = indices[variable] { return index }
        indices[variable] = membership.count
        membership.append((groups.count, Ratio(1, 1)))
        groups.append(Group(members: [membership.count - 1]))
        return membership.count - 1
    }

    private mutating func term(_ axis: Axis, _ node: String) -> Term? {
        switch axis {
        case .constant(let extent): return .extent(extent)
        case .named(let name, let factor):
            let member = membership[index(of: name, node)]
            return member.ratio.multiplied(by: Ratio(factor, 1)).map {
                .units($0, group: member.group)
            }
        }
    }

    private mutating func fix(
        _ group: Int, _ ratio: Ratio, to extent: Int, because cause: Diagnostic.Note, isLeft: Bool
    ) -> AxisConflict? {
        if let unit = groups[group].unit {
            guard let known = ratio.times(unit.extent) else { return .tooLarge }
            if known == extent { return nil }
            let (left, right) = isLeft ? (known, extent) : (extent, known)
            return .extents(left, right, causes: [unit.cause])
        }
        guard let unit = ratio.inverse.times(extent) else {
            return .indivisible(extent, by: ratio.numerator, causes: [])
        }
        guard unit % groups[group].divisor == 0 else {
            return .indivisible(unit, by: groups[group].divisor, causes: [])
        }
        groups[group].unit = (unit, cause)
        return nil
    }

    private func sameGroup(_ group: Int, _ left: Ratio, _ right: Ratio) -> AxisConflict {
        guard let unit = groups[group].unit, let first = left.times(unit.extent),
            let second = right.times(unit.extent)
        else { return .multiples }
        return .extents(first, second, causes: [unit.cause])
    }

    /// Joins two groups of which `left` units of the one are `right` units of the other.
    private mutating func merge(_ first: Int, _ left: Ratio, _ second: Int, _ right: Ratio)
        -> AxisConflict?
    {
        if groups[first].members.count < groups[second].members.count {
            return merge(second, right, first, left).map(\.mirrored)
        }
        guard let scale = left.multiplied(by: right.inverse) else { return .tooLarge }
        var joined = groups[first]
        var ratios: [Ratio] = []
        for member in groups[second].members {
            guard let ratio = membership[member].ratio.multiplied(by: scale),
                let divisor = Ratio.leastCommonMultiple(joined.divisor, ratio.denominator)
            else { return .tooLarge }
            ratios.append(ratio)
            joined.divisor = divisor
        }
        if let conflict = settle(&joined, groups[second].unit, scale, left, right) {
            return conflict
        }
        for (member, ratio) in zip(groups[second].members, ratios) {
            membership[member] = (first, ratio)
        }
        joined.members += groups[second].members
        groups[first] = joined
        groups[second].members = []
        return nil
    }

    /// Finds the unit of a joined group.
    private func settle(
        _ joined: inout Group, _ other: (extent: Int, cause: Diagnostic.Note)?, _ scale: Ratio,
        _ left: Ratio, _ right: Ratio
    ) -> AxisConflict? {
        let causes = [joined.unit?.cause, other?.cause].compactMap(\.self)
        if let other {
            let needed = scale.inverse.times(other.extent)
            if let unit = joined.unit {
                guard unit.extent == needed else {
                    guard let sent = left.times(unit.extent), let taken = right.times(other.extent)
                    else { return .tooLarge }
                    return .extents(sent, taken, causes: causes)
                }
            } else {
                guard let needed else {
                    return .indivisible(
                        right.times(other.extent) ?? other.extent, by: left.numerator,
                        causes: causes)
                }
                joined.unit = (needed, other.cause)
            }
        }
        if let unit = joined.unit, unit.extent % joined.divisor != 0 {
            return .indivisible(unit.extent, by: joined.divisor, causes: causes)
        }
        return nil
    }
}

extension AxisConflict {
    fileprivate var mirrored: AxisConflict {
        if case .extents(let left, let right, let causes) = self {
            return .extents(right, left, causes: causes.reversed())
        }
        return self
    }
}

/// A positive fraction in lowest terms; nil where it would overflow.
struct Ratio: Equatable {
    let numerator: Int
    let denominator: Int

    init(_ numerator: Int, _ denominator: Int) {
        let divisor = Self.greatestCommonDivisor(numerator, denominator)
        self.numerator = numerator / divisor
        self.denominator = denominator / divisor
    }

    var inverse: Ratio { Ratio(denominator, numerator) }

    func multiplied(by other: Ratio) -> Ratio? {
        let (top, topOverflows) = numerator.multipliedReportingOverflow(by: other.numerator)
        let (low, lowOverflows) = denominator.multipliedReportingOverflow(by: other.denominator)
        return topOverflows || lowOverflows ? nil : Ratio(top, low)
    }

    /// The product with a whole number; nil when it is not whole.
    func times(_ number: Int) -> Int? {
        let (product, overflows) = numerator.multipliedReportingOverflow(by: number)
        return overflows || product % denominator != 0 ? nil : product / denominator
    }

    static func leastCommonMultiple(_ left: Int, _ right: Int) -> Int? {
        let (product, overflows) = (left / greatestCommonDivisor(left, right))
            .multipliedReportingOverflow(by: right)
        return overflows ? nil : product
    }

    private static func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
        right == 0 ? max(left, 1) : greatestCommonDivisor(right, left % right)
    }
}
