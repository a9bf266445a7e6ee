public import CPersonaliveNode
import CPosix
import Foundation
import Glibc
import NodeKit
import Tensors
import Wire

// The calls of personalive_node.h, which says what they do. None is given a node other than the process's.

@c @implementation
public func personalive_open_version(
    _ version: Int32, _ argc: Int32, _ argv: UnsafePointer<UnsafeMutablePointer<CChar>?>?
) -> OpaquePointer? {
    guard version == PERSONALIVE_NODE_VERSION else {
        refuse(
            "this program was built for version \(version) of the node library, and \(libraryPath) is version "
                + "\(PERSONALIVE_NODE_VERSION): build it again")
    }
    let words = (0..<Int(argc)).compactMap { index in argv?[index].map { String(cString: $0) } }
    guard let kind = words.lastIndex(of: "--kind"), kind > 0,
        let option = words.lastIndex(of: "--folder"), words.indices.contains(option + 1)
    else {
        refuse(
            "\(words.first ?? "this program") is a node of a graph: 'personalive run' starts it, with "
                + "NAME --kind KIND --folder FOLDER")
    }
    let (name, folder) = (words[kind - 1], words[option + 1])
    let program = Program.current
    let thread = Thread {
        let code = NodeHost.run(ProgramNode.self, name: name, folder: folder) { configuration in
            program.name = configuration.name
            program.spec = configuration.spec ?? program.spec
        }
        program.end(code)
    }
    thread.start()
    // The host has said why it could not even begin.
    if program.next() == .end { _exit(program.close()) }
    return OpaquePointer(Unmanaged.passUnretained(program).toOpaque())
}

@c @implementation
public func personalive_next(_ node: OpaquePointer?) -> Int32 { Program.current.next().rawValue }

@c @implementation
public func personalive_setting(
    _ node: OpaquePointer?, _ name: UnsafePointer<CChar>?
) -> UnsafePointer<CChar>? {
    let (program, name) = (Program.current, text(name))
    return program.texts.bytes("setting \(name)") { program.settings.values[name]?.plainText }
}

@c @implementation
public func personalive_describe(_ node: OpaquePointer?) -> UnsafePointer<CChar>? {
    let program = Program.current
    return program.texts.bytes("description") { NodeDescription(program).json }
}

@c @implementation
public func personalive_input(
    _ node: OpaquePointer?, _ port: UnsafePointer<CChar>?,
    _ tensor: UnsafeMutablePointer<personalive_tensor>?
) -> Int32 {
    guard let tensor, let message = Program.current.message(on: text(port)) else { return 0 }
    tensor.pointee = personalive_tensor()
    tensor.pointee.data = message.tensor.memory.base + message.tensor.offset
    tensor.pointee.type = Int32(message.tensor.elementType.rawValue)
    tensor.pointee.extents = message.tensor.shape
    tensor.pointee.stamp = message.stamp
    return 1
}

@c @implementation
public func personalive_hold(
    _ node: OpaquePointer?, _ port: UnsafePointer<CChar>?
) -> UnsafeMutableRawPointer? {
    guard let message = Program.current.message(on: text(port)) else { return nil }
    return Unmanaged.passRetained(message.tensor.memory).toOpaque()
}

@c @implementation
public func personalive_hold_output(
    _ node: OpaquePointer?, _ data: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let data, let room = Program.current.rooms[data] else { return nil }
    return Unmanaged.passRetained(room).toOpaque()
}

@c @implementation
public func personalive_release(_ hold: UnsafeMutableRawPointer?) {
    guard let hold else { return }
    Unmanaged<TensorMemory>.fromOpaque(hold).release()
}

@c @implementation
public func personalive_output(
    _ node: OpaquePointer?, _ port: UnsafePointer<CChar>?,
    _ tensor: UnsafeMutablePointer<personalive_tensor>?
) -> UnsafeMutableRawPointer? {
    let (program, port) = (Program.current, text(port))
    guard let tensor, let shape = tensor.pointee.extents else {
        program.fail("output '\(port)' was asked for a tensor of an impossible shape: \(words(of: tensor))")
        return nil
    }
    guard let (memory, type) = program.room(for: port, shape: shape) else { return nil }
    tensor.pointee.data = memory.base
    tensor.pointee.type = Int32(type.rawValue)
    return memory.base
}

@c @implementation
public func personalive_send(
    _ node: OpaquePointer?, _ port: UnsafePointer<CChar>?,
    _ tensor: UnsafePointer<personalive_tensor>?
) -> Int32 {
    let (program, port) = (Program.current, text(port))
    guard let tensor, let shape = tensor.pointee.extents,
        let type = UInt8(exactly: tensor.pointee.type).flatMap(ElementType.init(rawValue:))
    else {
        program.fail("output '\(port)' was sent a tensor of an impossible shape or type: \(words(of: tensor))")
        return 0
    }
    let own = tensor.pointee.has_own_frame == 0 ? nil : tensor.pointee.stamp
    guard let stamp = own ?? program.outputs.stamp else {
        program.fail(
            "output '\(port)' was sent a tensor of no frame: a source, and a node that finishes, says which "
                + "frame it is, with has_own_frame")
        return 0
    }
    guard stamp.isInRange else {
        program.fail("output '\(port)' was sent a tensor with a number or a time out of range: \(stamp)")
        return 0
    }
    return program.send(tensor.pointee.data, type, shape, stamp, on: port) ? 1 : 0
}

@c @implementation
public func personalive_save(_ node: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ count: Int) {
    Program.current.save(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count))
}

@c @implementation
public func personalive_restored(
    _ node: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?
) -> UnsafeRawPointer? {
    let bytes = Program.current.restoredBytes
    count?.pointee = bytes?.count ?? 0
    return UnsafeRawPointer(bytes?.baseAddress)
}

@c @implementation
public func personalive_say(_ node: OpaquePointer?, _ what: Int32, _ words: UnsafePointer<CChar>?) {
    let (program, words) = (Program.current, text(words))
    switch Int(what) {
    case PERSONALIVE_FAILURE: program.fail(words)
    case PERSONALIVE_DROP: program.drop(because: words)
    case PERSONALIVE_WARNING: program.warn(words)
    case PERSONALIVE_STATUS: program.reporter.describe(words)
    case PERSONALIVE_OVER: program.finishSource()
    case PERSONALIVE_BEGINNING: program.askForBeginning(on: words)
    default: program.fail("personalive_say was called with \(what), which means nothing")
    }
}

@c @implementation
public func personalive_figure(_ node: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ value: Double) {
    Program.current.reporter.set(text(name), to: value)
}

@c @implementation
public func personalive_close(_ node: OpaquePointer?) -> Int32 { Program.current.close() }

// MARK: - C's values

/// Ends a process that cannot be a node; the supervisor shows its last lines.
private func refuse(_ reason: String) -> Never {
    FileHandle.standardError.write(Data("\(reason)\n".utf8))
    exit(64)
}

private func text(_ bytes: UnsafePointer<CChar>?) -> String { bytes.map { String(cString: $0) } ?? "" }

/// Where this library lies.
private var libraryPath: String {
    posix_file_of(#dsohandle).map { String(cString: $0) } ?? "the library"
}

private func words(of tensor: UnsafePointer<personalive_tensor>?) -> String {
    guard let tensor else { return "none" }
    let shape = withUnsafeBytes(of: tensor.pointee.shape) { Array($0.bindMemory(to: Int64.self)) }
    return "type \(tensor.pointee.type), \(tensor.pointee.rank) axes "
        + "\(shape.prefix(Int(max(0, min(tensor.pointee.rank, 8)))))"
}

extension personalive_tensor {
    /// The extents; nil where they are none, or there are more than 2³² numbers.
    fileprivate var extents: [Int]? {
        get {
            guard (0...8).contains(rank) else { return nil }
            let all = withUnsafeBytes(of: shape) { Array($0.bindMemory(to: Int64.self)) }
            var (extents, count): ([Int], Int) = ([], 1)
            for extent in all.prefix(Int(rank)) {
                let (product, overflows) = count.multipliedReportingOverflow(by: Int(extent))
                guard extent >= 0, !overflows, product <= 1 << 32 else { return nil }
                extents.append(Int(extent))
                count = product
            }
            return extents
        }
        set {
            guard let newValue else { return }
            rank = Int32(newValue.count)
            withUnsafeMutableBytes(of: &shape) { bytes in
                for (index, extent) in newValue.enumerated() {
                    bytes.storeBytes(of: Int64(extent), toByteOffset: 8 * index, as: Int64.self)
                }
            }
        }
    }

    fileprivate var stamp: Stamp {
        get {
            Stamp(
                frame: frame, captured: captured, presentation: presentation, duration: duration,
                epoch: epoch)
        }
        set {
            (frame, captured, presentation) = (newValue.frame, newValue.captured, newValue.presentation)
            (duration, epoch) = (newValue.duration, newValue.epoch)
        }
    }
}

extension SettingValue {
    /// As YAML has it.
    fileprivate var plainText: String {
        switch self {
        case .text(let text): text
        case .flag(let flag): flag ? "true" : "false"
        case .integer(let number): "\(number)"
        case .number(let number): "\(number)"
        }
    }
}
