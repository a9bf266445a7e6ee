import CPosix
import NodeKit
import Tensors

/// What comes in on a node's inputs, checked against their ports.
extension InputLinks {
    /// Takes in everything that an input's producer has sent.
    func read(_ index: Int) {
        while let frames = links[index].socket.socket.receive() {
            do {
                var envelope = try frames[0].withBytes { try Envelope(decoding: $0) }
                if links[index].isElsewhere { clock.arrive(&envelope) }
                // Sent before the producer heard this process's hello: it comes again.
                let isStale = envelope.count != 0
                    && envelope.count != UInt32(truncatingIfNeeded: links[index].connection)
                switch envelope.kind {
                case .data where isStale, .end where isStale: break
                case .data: try deliver(envelope, frames, to: index)
                case .end:
                    ended.insert(index)
                    try moveOn(index)
                default: throw WireError("a message of kind '\(envelope.kind)'")
                }
            } catch {
                let from = links[index].configuration
                exchange.fail(
                    "its output '\(from.producerPort)' sent \(error)", culprit: from.producer)
            }
        }
    }

    private func deliver(_ envelope: Envelope, _ frames: [ZMQFrame], to index: Int) throws {
        guard !links[index].isBroken else { return }
        let link = links[index]
        try link.port.check(envelope, isHalvable: link.isElsewhere && link.configuration.isHalved)
        guard envelope.sequence >= link.next else {
            throw WireError(
                "message \(envelope.sequence) where \(link.next) or a later one is due")
        }
        // A connection that broke may have had a window's messages under way, and the next one a window's
        // credits; more than both were never granted.
        let window = links[index].configuration.window
        guard exchange.waiting(at: index) < 2 * window else {
            throw WireError("more messages than its window of \(window) allows")
        }
        let bytes = envelope.payloadBytes!
        guard let memory = try payload(of: envelope, frames, bytes: bytes, input: index) else {
            links[index].isBroken = true
            return
        }
        links[index].next = envelope.sequence + 1
        report[index].received += 1
        report[index].bytes += bytes
        let now = posix_monotonic_ns()
        report[index].hop.add(nanoseconds: now - envelope.sent)
        report[index].age.add(nanoseconds: now - envelope.stamp.captured)
        let sent = AnyTensor(
            elementType: envelope.elementType, shape: envelope.shape, memory: memory)
        let isHalved = envelope.elementType != link.port.elementType
        let tensor = isHalved ? sent.widened : sent
        exchange.deliver(
            Numbered(
                sequence: envelope.sequence, message: Message(tensor, envelope.stamp),
                published: envelope.sent), to: index)
    }

    private func payload(
        of envelope: Envelope, _ frames: [ZMQFrame], bytes: Int, input: Int
    ) throws -> TensorMemory? {
        if let place = envelope.place {
            guard !links[input].isElsewhere else {
                throw WireError("a place in the memory of another machine")
            }
            let (exchange, connection) = (exchange, links[input].connection)
            // Nil when the producer has died: that is for the supervisor to tell.
            let memory = try slots.memory(at: place, bytes: bytes) {
                exchange.release(input: input, slot: place.slot, connection: connection)
            }
            if memory != nil { links[input].lent += 1 }
            return memory
        }
        guard frames.count == 2, frames[1].count == bytes else {
            let found = frames.count == 2 ? frames[1].count : 0
            throw WireError("a payload of \(found) bytes for \(envelope.shape)")
        }
        // Small frames lie unaligned inside the library's own structure.
        let memory = TensorMemory(byteCount: bytes)
        frames[1].withBytes { payload in
            UnsafeMutableRawBufferPointer(start: memory.base, count: bytes).copyMemory(from: payload)
        }
        return memory
    }
}
