import CTorch
import Tensors

/// A tensor of libtorch's: the only type that holds a handle.
///
/// A handle is read only while its owner is kept alive, since Swift gives an object up after its last use,
/// which may be before a C call has read what came from it.
final class TorchTensor: @unchecked Sendable {
    // Unchecked because the handle is constant, and libtorch counts references atomically.

    /// Nil after a failure that was noted while networks were loaded.
    private let handle: ctorch_tensor?

    private init(_ handle: ctorch_tensor?) { self.handle = handle }

    deinit { if let handle { ctorch_delete(handle) } }

    var isMissing: Bool { handle == nil }

    /// What a call gives that fills a handle and returns 0.
    private static func made(
        _ name: String, _ call: (inout ctorch_tensor?) -> Int32
    ) -> ctorch_tensor? {
        var handle: ctorch_tensor?
        guard call(&handle) == 0 else {
            DeviceFailure.note("\(name): \(String(cString: ctorch_error()))")
            return nil
        }
        return handle
    }

    /// A tensor on a device, row-major, whose elements are not set.
    convenience init(empty sizes: [Int], at place: DevicePlace) {
        self.init(
            Self.made("no room for \(sizes)") {
                ctorch_empty(
                    Int32(sizes.count), sizes.extents, sizes.rowMajorStrides.extents, place.type,
                    place.device.kind, Int32(place.device.number), &$0)
            })
    }

    /// A tensor over memory of the processor's, row-major, which must outlive it.
    convenience init(over data: UnsafeMutableRawPointer, _ sizes: [Int], type: ctorch_type) {
        self.init(
            Self.made("lend") {
                ctorch_lend(
                    data, Int32(sizes.count), sizes.extents, sizes.rowMajorStrides.extents, type,
                    &$0)
            })
    }

    /// A number without axes.
    convenience init(_ number: Double) {
        self.init(Self.made("number") { ctorch_number(number, &$0) })
    }

    /// The same elements under other sizes and strides, `offset` elements on.
    func viewed(_ sizes: [Int], _ strides: [Int], offset: Int = 0) -> TorchTensor {
        guard let handle else { return self }
        return withExtendedLifetime(self) {
            TorchTensor(
                Self.made("view") {
                    ctorch_view(
                        handle, Int32(sizes.count), sizes.extents, strides.extents, Int64(offset),
                        &$0)
                })
        }
    }

    /// This plus `factor` times another.
    func adding(_ other: TorchTensor, times factor: Double = 1) -> TorchTensor {
        guard let handle, let added = other.handle else { return TorchTensor(nil) }
        return withExtendedLifetime((self, other)) {
            TorchTensor(Self.made("add") { ctorch_add(handle, added, factor, &$0) })
        }
    }

    /// Queries `[b, heads, tokens, d]` over keys and values, and the logarithm of each query's sum of
    /// weights, `[b, heads, tokens]`, by which results of several calls can be put together.
    func attendingWithSums(
        to keys: TorchTensor, _ values: TorchTensor, on device: Device
    ) -> (result: TorchTensor, logarithms: TorchTensor) {
        guard let handle, let key = keys.handle, let value = values.handle else {
            return (TorchTensor(nil), TorchTensor(nil))
        }
        var logarithms: ctorch_tensor?
        let result = withExtendedLifetime((self, keys, values)) {
            Self.made("attention") {
                ctorch_attend(handle, key, value, device.kind, &$0, &logarithms)
            }
        }
        return (TorchTensor(result), TorchTensor(result == nil ? nil : logarithms))
    }

    /// Takes over the elements of another, whatever their type and device, and waits for them.
    func copy(from other: TorchTensor) {
        guard let handle, let source = other.handle else { return }
        let failed = withExtendedLifetime((self, other)) { ctorch_copy(handle, source) }
        if failed != 0 { DeviceFailure.note("copy: \(String(cString: ctorch_error()))") }
    }

    // MARK: Calls by the dispatcher

    /// A reference that a call takes over.
    fileprivate var reference: UInt64 {
        withExtendedLifetime(self) { handle.map { ctorch_reference($0) } ?? 0 }
    }

    /// An operator of ATen's with its arguments in the order of its schema.
    static func calling(
        _ name: String, _ overload: String, _ arguments: [TorchArgument]
    ) -> TorchTensor {
        guard !arguments.contains(where: \.isMissing) else { return TorchTensor(nil) }
        var stack = arguments.map(\.stacked)
        guard ctorch_call("aten::" + name, overload, &stack) == 0 else {
            DeviceFailure.note("aten::\(name): \(String(cString: ctorch_error()))")
            return TorchTensor(nil)
        }
        return TorchTensor(ctorch_tensor(bitPattern: UInt(stack[0])))
    }
}

/// One argument of an operator.
enum TorchArgument {
    case tensor(TorchTensor)
    case optional(TorchTensor?)
    case tensors([TorchTensor])
    case integer(Int)
    case integers([Int])
    case optionalIntegers([Int])
    case number(Double)
    case flag(Bool)
    case text(String)
    /// One of libtorch's types.
    case type(ctorch_type)
    case nothing

    fileprivate var isMissing: Bool {
        switch self {
        case .tensor(let tensor): tensor.isMissing
        case .optional(let tensor): tensor?.isMissing ?? false
        case .tensors(let tensors): tensors.contains(where: \.isMissing)
        default: false
        }
    }

    /// As a call's stack holds it.
    fileprivate var stacked: UInt64 {
        switch self {
        case .tensor(let tensor): tensor.reference
        case .optional(let tensor): tensor.map { ctorch_optional($0.reference) } ?? 0
        case .tensors(let tensors): ctorch_list(tensors.map(\.reference), Int32(tensors.count))
        case .integer(let integer): UInt64(bitPattern: Int64(integer))
        case .integers(let values): ctorch_integers(values.extents, Int32(values.count))
        case .optionalIntegers(let values):
            ctorch_optional(ctorch_integers(values.extents, Int32(values.count)))
        case .number(let number): number.bitPattern
        case .flag(let flag): flag ? 1 : 0
        case .text(let text): ctorch_text(text)
        case .type(let type): UInt64(UInt32(bitPattern: ctorch_type_code(type)))
        case .nothing: 0
        }
    }
}

extension [Int] {
    fileprivate var extents: [Int64] { map(Int64.init) }

    /// Strides of a tensor of these sizes whose last axis is the fastest.
    var rowMajorStrides: [Int] {
        var stride = 1
        return reversed().map { size in
            defer { stride *= size }
            return stride
        }.reversed()
    }
}
