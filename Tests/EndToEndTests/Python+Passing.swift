extension Python {
    /// A plugin that hands on what it gets, in a folder of its own; `change` as in
    /// ``plugin(_:inputs:outputs:change:within:)``.
    static func passing(_ change: String = "", within seconds: Int = 60) throws -> String {
        try plugin(
            "passes", inputs: "data: { type: u8, axes: bytes, meaning: bytes }",
            outputs: "data: { type: u8, axes: bytes, meaning: bytes }",
            change: """
                Node.__init__ = lambda self, settings: None
                Node.process = lambda self, inputs: {"data": inputs["data"]}
                \(change)
                """, within: seconds)
    }
}
