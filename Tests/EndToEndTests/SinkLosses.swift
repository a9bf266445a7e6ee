/// What a run says of a sink, as `run --json` has it.
extension [String: Any] {
    /// How many frames the sink lost behind a node named `encoder`, or itself. What a busy machine's camera
    /// passes over before that is no loss of the sink's.
    var lostBehindEncoder: Int? {
        (self["dropped"] as? [[String: Any]])?.reduce(0) { sum, loss in
            let place = loss["place"] as? String ?? ""
            let isBehind = place.hasPrefix("encoder") || place == self["sink"] as? String
            return sum + (isBehind ? loss["count"] as? Int ?? 0 : 0)
        }
    }
}
