/// A value of a YAML document with its place.
struct YAMLNode {
    indirect enum Content {
        case scalar(text: String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([YAMLEntry])
        /// Could not be read, and was reported: whoever meets it says nothing more.
        case broken
    }

    let content: Content
    var place: SourceRange
    /// Values that this one holds once its aliases are written out, itself included.
    let size: Int
    /// How deep they are nested.
    let depth: Int

    /// What a person would call this value.
    var description: String {
        switch content {
        case .scalar(let text, let isPlain):
            isPlain && Scalar.isNull(text) ? "nothing" : text.quoted
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .broken: "an unreadable value"
        }
    }
}

/// One key of a mapping with its value.
struct YAMLEntry {
    let key: String
    let keyPlace: SourceRange
    let value: YAMLNode
}
