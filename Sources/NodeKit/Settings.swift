/// The values that a node was given, defaults included.
public struct Settings: Sendable {
    /// All values by name.
    package private(set) var values: [String: SettingValue]
    /// Processor cores that the node's mathematics may use (`cores:` of the placement).
    public var cores: Int
    /// The node in its run, whichever process it is: who writes the files that it begins. Nil where
    /// there is no run.
    package var owner: String?
    /// What the node can say of itself while it runs.
    public var reporter = NodeReporter()
    /// Names of the inputs that the graph feeds; empty where there is no run.
    package var connectedInputs: Set<String> = []
    /// Of a node that takes whatever it is fed: its inputs, and which output feeds each.
    package var fedInputs: [(port: PortSpec, from: String)] = []

    /// Values by name, as the checked graph has them.
    public init(_ values: [String: SettingValue] = [:], cores: Int = 1) {
        self.values = values
        self.cores = cores
    }

    /// The value of a setting that has a default or was required.
    ///
    /// - Precondition: the graph was checked, so the value is there and of its type.
    public subscript<Value>(setting: Setting<Value>) -> Value {
        guard let value = self[ifSet: setting] else {
            preconditionFailure("setting '\(setting.spec.name)' has no value of its type")
        }
        return value
    }

    /// The value of a setting, or nil when it is unset and has no default.
    public subscript<Value>(ifSet setting: Setting<Value>) -> Value? {
        (values[setting.spec.name] ?? setting.spec.defaultValue).flatMap { Value($0) }
    }

    /// The text that a setting was given, by its name; nil when it has none.
    func text(_ name: String) -> String? { values[name].flatMap { String($0) } }

    /// The whole number that a setting was given, by its name; nil when it has none.
    func integer(_ name: String) -> Int? { values[name].flatMap { Int($0) } }

    /// The same cores and owner, with other values.
    package func with(_ values: [String: SettingValue]) -> Settings {
        var copy = self
        copy.values = values
        return copy
    }

    /// The same settings with one more value.
    public func setting<Value>(_ setting: Setting<Value>, to value: Value) -> Settings {
        var copy = self
        copy.values[setting.spec.name] = value.settingValue
        return copy
    }
}
