/// What kind of value a setting takes.
public enum SettingType: Sendable, Equatable {
    case text
    case flag
    /// A whole number within the range.
    case integer(ClosedRange<Int>)
    /// A number within the range.
    case number(ClosedRange<Double>)
    /// One of these words.
    case choice([String])
    /// A file (or folder) that must exist when the graph is checked.
    case inputFile
    /// A film or pictures: a file or folder that must exist when the graph is checked, a pattern such
    /// as `frames/%04d.png` that must fit some file, or an address such as `http://…`.
    case inputMedia
    /// A file to be written; its folder must exist.
    case outputFile
    /// Weights: the word `synthetic`, or a file or folder that must exist.
    case weights
}

/// A value of a setting, as read from YAML or `--set`.
public enum SettingValue: Sendable, Equatable {
    case text(String)
    case flag(Bool)
    case integer(Int)
    case number(Double)
}

/// As JSON: a plain text, `true` or `false`, or a number. A number without a fraction is read as a
/// whole one, which every setting that takes numbers takes as well.
extension SettingValue: Codable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .flag(let flag): try container.encode(flag)
        case .integer(let number): try container.encode(number)
        case .number(let number): try container.encode(number)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Int.self) {
            self = .integer(number)
        } else {
            self = .number(try container.decode(Double.self))
        }
    }
}

/// What is known of a setting without its Swift type.
public struct SettingSpec: Sendable {
    /// The word in YAML, in kebab-case.
    public let name: String
    /// What it takes.
    public let type: SettingType
    /// The value when YAML says nothing; nil means that YAML must say one, unless it is optional.
    public let defaultValue: SettingValue?
    /// Whether it may stay unset without a default.
    public let isOptional: Bool
    /// What a number counts: `ms`, `px`, `fps`. Empty when it has none.
    public let unit: String
    /// One sentence for `personalive nodes`.
    public let summary: String
    /// Whether the value changes while the node runs, without another process.
    public fileprivate(set) var isLive: Bool
    /// The value of another setting under which this one means nothing, and may stay unset.
    package var waiver: Waiver?

    /// A value of another setting.
    package struct Waiver: Sendable, Equatable {
        package let setting: String
        package let value: String
    }

    /// Whether YAML must say a value wherever no other setting makes it superfluous.
    package var isRequired: Bool { defaultValue == nil && !isOptional }

    /// Whether YAML must say a value beside these values of the node's other settings.
    package func isRequired(beside values: [String: SettingValue]) -> Bool {
        guard let waiver else { return isRequired }
        return isRequired && values[waiver.setting] != .text(waiver.value)
    }

    /// Whether the text names a folder of files that need not be there, and is looked for as files are.
    package var isFolder = false

    /// Of an output: the endings of which its name must have one, `/` for a folder. Empty: any will do.
    package var endings: [String] = []

    /// A spec from its parts, for nodes that are described in a file instead of in Swift.
    public init(
        name: String, type: SettingType, defaultValue: SettingValue?, isOptional: Bool,
        unit: String, summary: String, isLive: Bool = false
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.isOptional = isOptional
        self.unit = unit
        self.summary = summary
        self.isLive = isLive
    }
}

/// Anything that can be listed among a node's settings.
public protocol SettingDescribing: Sendable {
    /// The setting without its Swift type.
    var spec: SettingSpec { get }
}

/// A Swift type that a setting can have.
public protocol SettingRepresentable: Sendable {
    /// The type that the checker uses when the node gives none.
    static var settingType: SettingType { get }
    /// How the value is written.
    var settingValue: SettingValue { get }
    /// Reads the value; nil when it is of another type.
    init?(_ value: SettingValue)
}

/// A named, typed value of a node that YAML can set.
///
///     static let seed = Setting("seed", Int.self, default: 42, "seed of the noise")
public struct Setting<Value: SettingRepresentable>: SettingDescribing {
    public private(set) var spec: SettingSpec

    /// The setting of an output whose kind the ending of its name says.
    package func ending(in endings: [String]) -> Setting {
        var setting = self
        setting.spec.endings = endings
        return setting
    }

    /// A setting; without a `default` YAML must give it, unless it is optional.
    public init(
        _ name: String, _: Value.Type, type: SettingType? = nil, default value: Value? = nil,
        isOptional: Bool = false, unit: String = "", _ summary: String = ""
    ) {
        spec = SettingSpec(
            name: name, type: type ?? Value.settingType, defaultValue: value?.settingValue,
            isOptional: isOptional, unit: unit, summary: summary)
    }

    /// The same setting, whose value changes while the node runs: the node gets it in
    /// ``Node/update(settings:)``.
    ///
    /// Whatever its type lets pass must be possible at any time; ports and the size of a chunk cannot
    /// depend on it.
    public func live() -> Setting {
        var copy = self
        copy.spec.isLive = true
        return copy
    }

    /// The same setting, whose text names a folder that need not be there.
    package func folder() -> Setting {
        var copy = self
        copy.spec.isFolder = true
        return copy
    }

    /// The same setting, which may stay unset where another one has a value.
    package func waived(when setting: Setting<String>, is value: String) -> Setting {
        var copy = self
        copy.spec.waiver = .init(setting: setting.spec.name, value: value)
        return copy
    }
}

extension String: SettingRepresentable {
    public static var settingType: SettingType { .text }
    public var settingValue: SettingValue { .text(self) }
    public init?(_ value: SettingValue) {
        guard case .text(let text) = value else { return nil }
        self = text
    }
}

extension Bool: SettingRepresentable {
    public static var settingType: SettingType { .flag }
    public var settingValue: SettingValue { .flag(self) }
    public init?(_ value: SettingValue) {
        guard case .flag(let flag) = value else { return nil }
        self = flag
    }
}

extension Int: SettingRepresentable {
    public static var settingType: SettingType { .integer(0...Int(Int32.max)) }
    public var settingValue: SettingValue { .integer(self) }
    public init?(_ value: SettingValue) {
        guard case .integer(let number) = value else { return nil }
        self = number
    }
}

extension Double: SettingRepresentable {
    public static var settingType: SettingType {
        .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
    }
    public var settingValue: SettingValue { .number(self) }
    public init?(_ value: SettingValue) {
        switch value {
        case .number(let number): self = number
        case .integer(let number): self = Double(number)
        default: return nil
        }
    }
}
