import NodeKit
import Tensors

/// What the plugin sends, and what of it goes to its consumers.
extension RelayedOutputs {
    // MARK: The plugin's messages

    func hearPlugin(_ index: Int) throws {
        while let frames = edges[index].socket?.socket.receive() {
            do { try take(frames, index) } catch {
                throw WireError("its output '\(edges[index].output.port)' sent \(error)")
            }
        }
    }

    private func take(_ frames: [ZMQFrame], _ index: Int) throws {
        let envelope = try frames[0].withBytes { try Envelope(decoding: $0) }
        guard envelope.count == 0
            || envelope.count == UInt32(truncatingIfNeeded: edges[index].connection)
        else { return }
        switch envelope.kind {
        case .data: try offer(envelope, frames, index)
        case .end: edges[index].edge.end()
        default: throw WireError("a message of kind '\(envelope.kind)'")
        }
        flush(index)
    }

    private func offer(_ envelope: Envelope, _ frames: [ZMQFrame], _ index: Int) throws {
        guard let tensor = try payload(of: envelope, frames, index) else { return }
        edges[index].outstanding += 1
        edges[index].edge.offer(
            Numbered(
                sequence: envelope.sequence, message: Message(tensor, envelope.stamp),
                published: envelope.sent))
    }

    /// Nil when the plugin has died meanwhile.
    private func payload(
        of envelope: Envelope, _ frames: [ZMQFrame], _ index: Int
    ) throws -> AnyTensor? {
        let bytes = envelope.payloadBytes!
        guard let place = envelope.place else {
            guard frames.count == 2, frames[1].count == bytes else {
                let found = frames.count == 2 ? frames[1].count : 0
                throw WireError("a payload of \(found) bytes for \(envelope.shape)")
            }
            return AnyTensor(copying: frames[1], as: envelope)
        }
        guard let shared = try slots.memory(at: place, bytes: bytes, release: {}) else { return nil }
        let memory = TensorMemory(byteCount: bytes)
        memory.base.copyMemory(from: shared.base, byteCount: bytes)
        var release = Envelope(.grant)
        release.released = [place.slot]
        tellPlugin(index, release)
        return AnyTensor(elementType: envelope.elementType, shape: envelope.shape, memory: memory)
    }

    /// The plugin has turned to the same consumer on this machine.
    func watch(_ index: Int) {
        while let event = edges[index].monitor?.next() {
            guard case .closed = event else { continue }
            let old = edges[index]
            edges[index] = RelayedEdge(
                output: old.output,
                edge: OutputEdge(keep: old.output.keep, window: old.output.window))
            edges[index].edge.adopt([], drops: old.edge.drops)
        }
    }

    // MARK: To the consumers

    func flush(_ index: Int) {
        while let message = edges[index].edge.next() { send(message, index) }
        if edges[index].edge.takeEnd() { post(Envelope(.end), nil, index) }
    }

    private func send(_ numbered: Numbered, _ index: Int) {
        let whole = numbered.message.tensor
        let isHalved = edges[index].output.isHalved && whole.elementType == .float32
        let tensor = isHalved ? whole.halved : whole
        if let obstacle = ZMQSocket.obstacle(to: tensor.byteCount, of: edges[index].output) {
            return say(.failed(obstacle))
        }
        var envelope = Envelope(.data)
        (envelope.stamp, envelope.sequence) = (numbered.message.stamp, numbered.sequence)
        envelope.sent = numbered.published
        (envelope.elementType, envelope.shape) = (tensor.elementType, tensor.shape)
        clock.leave(&envelope)
        tensor.withBytes { post(envelope, $0, index) }
    }

    func post(_ envelope: Envelope, _ payload: UnsafeRawBufferPointer?, _ index: Int) {
        var envelope = envelope
        envelope.count = UInt32(truncatingIfNeeded: edges[index].edge.connection)
        let (identity, header) = (Array(edges[index].output.identity.utf8), envelope.encoded())
        identity.withUnsafeBytes { identity in
            header.withUnsafeBytes { header in
                if let payload {
                    _ = router?.socket.send(identity, header, payload)
                } else {
                    _ = router?.socket.send(identity, header)
                }
            }
        }
    }
}
