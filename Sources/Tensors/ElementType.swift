/// The type of one number in a tensor, with the code that stands for it on the wire.
///
/// Raw values are part of the message format (`Plugins/README.md`): never renumber them.
public enum ElementType: UInt8, Sendable, CaseIterable {
    case uint8 = 1
    case int32 = 2
    case int64 = 3
    case float16 = 4
    case bfloat16 = 5
    case float32 = 6
    case float64 = 7

    /// Bytes that one element takes.
    public var byteCount: Int {
        switch self {
        case .uint8: 1
        case .float16, .bfloat16: 2
        case .int32, .float32: 4
        case .int64, .float64: 8
        }
    }

    /// The word used in YAML, in plugins' `node.yaml` and in messages to people: `f32`, `u8`, ….
    public var name: String {
        switch self {
        case .uint8: "u8"
        case .int32: "i32"
        case .int64: "i64"
        case .float16: "f16"
        case .bfloat16: "bf16"
        case .float32: "f32"
        case .float64: "f64"
        }
    }

    /// The type whose ``name`` this is, or nil.
    public init?(name: String) {
        guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = match
    }
}

/// A Swift number that a tensor can hold.
public protocol TensorElement: BitwiseCopyable, Sendable {
    /// How this number is called outside Swift.
    static var elementType: ElementType { get }
}

extension UInt8: TensorElement { public static var elementType: ElementType { .uint8 } }
extension Int32: TensorElement { public static var elementType: ElementType { .int32 } }
extension Int64: TensorElement { public static var elementType: ElementType { .int64 } }
extension Float16: TensorElement { public static var elementType: ElementType { .float16 } }
extension Float: TensorElement { public static var elementType: ElementType { .float32 } }
extension Double: TensorElement { public static var elementType: ElementType { .float64 } }
