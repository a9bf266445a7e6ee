import Networks

extension NetworkSize {
    /// The dimensions that go with the word.
    var configuration: ModelConfiguration {
        switch self {
        case .mini: .mini
        case .full: .full
        }
    }
}

extension Fixture {
    /// The network that a fixture of single networks is about.
    func isAbout(_ network: String, with inputs: String...) -> Bool {
        self.network == network && inputs.contains { self.inputs[$0] != nil }
    }
}
