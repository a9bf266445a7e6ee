import CZeroMQ
import Glibc
import NodeKit
import Tensors

/// How messages leave, once an edge says which.
extension OutputLinks {
    func flush(_ index: Int) {
        while let message = edges[index].edge.next() { send(message, to: index) }
        if edges[index].edge.takeEnd() { send(Envelope(.end), nil, to: index) }
    }

    private func send(_ numbered: Numbered, to index: Int) {
        let whole = numbered.message.tensor
        let isHalved = edges[index].edge.isElsewhere && edges[index].output.isHalved
        let tensor = isHalved && whole.elementType == .float32 ? whole.halved : whole
        var envelope = Envelope(.data)
        envelope.stamp = numbered.message.stamp
        envelope.sequence = numbered.sequence
        envelope.sent = numbered.published
        envelope.elementType = tensor.elementType
        envelope.shape = tensor.shape
        let (output, isElsewhere) = (edges[index].output, edges[index].edge.isElsewhere)
        if isElsewhere {
            if let obstacle = ZMQSocket.obstacle(to: tensor.byteCount, of: output) {
                return exchange.fail(obstacle)
            }
            clock.leave(&envelope)
        }
        let isShared = !output.isInline && !output.isTap && !isElsewhere
        if isShared, let slot = tensor.memory.owner as? SlotPool.Slot, tensor.offset == 0 {
            envelope.place = Envelope.Place(
                slot: slot.number, process: UInt32(getpid()),
                descriptor: UInt32(slot.descriptor), capacity: UInt64(slot.capacity))
            edges[index].edge.lend(tensor.memory, as: slot.number)
            send(envelope, nil, to: index)
        } else {
            tensor.withBytes { send(envelope, $0, to: index) }
        }
    }

    func send(_ envelope: Envelope, _ payload: UnsafeRawBufferPointer?, to index: Int) {
        let isThere = post(envelope, payload, to: index)
        // Whoever only looks on may go without a word.
        if !isThere, edges[index].output.isTap { _ = edges[index].edge.close() }
    }

    /// False when the consumer is not there.
    private func post(
        _ envelope: Envelope, _ payload: UnsafeRawBufferPointer?, to index: Int
    ) -> Bool {
        let identity = Array(edges[index].output.identity.utf8)
        var envelope = envelope
        envelope.count = UInt32(truncatingIfNeeded: edges[index].edge.connection)
        let header = envelope.encoded()
        return identity.withUnsafeBytes { identity in
            header.withUnsafeBytes { header in
                guard let payload else { return router.socket.send(identity, header) }
                return router.socket.send(identity, header, payload)
            }
        }
    }
}
