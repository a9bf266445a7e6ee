import CPosix
import NodeKit
import Tensors

/// What the plugin and its producers say to each other.
extension RelayedInputs {
    // MARK: The plugin's messages

    func hearPlugin() throws {
        while let frames = inlet.socket.receive() {
            let name = frames[0].text
            guard frames.count == 2, let index = links.indices.first(where: { identity($0) == name })
            else { continue }
            do { try hear(try frames[1].withBytes { try Envelope(decoding: $0) }, index) } catch {
                let port = links[index].configuration.port
                throw WireError("its input '\(port)' answered with \(error)")
            }
        }
    }

    private func hear(_ envelope: Envelope, _ index: Int) throws {
        switch envelope.kind {
        case .hello:
            guard let endpoint = links[index].outer else { break }
            var hello = envelope
            hello.isElsewhere = true
            links[index].hello = hello
            // On other edges numbers only grow over one connection, whatever it was that came before.
            let first = links[index].configuration.keep == .all ? hello.sequence : 0
            (links[index].next, links[index].past) = (first, 0)
            // Of those that it keeps from before it says so in this way.
            links[index].inHand = max(0, links[index].configuration.window - Int(hello.count))
            try open(index, endpoint)
            tell(index, hello)
            leaveFormerInlets(index)
        case .grant:
            guard envelope.stamp.frame == links[index].hello?.stamp.frame else { break }
            pass(envelope, index)
        case .bye:
            links[index].isLeaving = true
            tell(index, envelope)
        case .data, .end: throw WireError("a message of kind '\(envelope.kind)'")
        }
    }

    /// Passes credits on, but for those that an earlier connection was to get.
    private func pass(_ grant: Envelope, _ index: Int) {
        let count = Int(grant.count)
        links[index].inHand -= min(count, links[index].inHand)
        let void = min(count, links[index].past)
        links[index].past -= void
        var grant = grant
        (grant.count, grant.released) = (UInt32(count - void), [])
        tell(index, grant)
    }

    // MARK: The producers' words

    func hearProducer(_ index: Int) {
        while let frames = links[index].socket?.socket.receive() {
            do {
                try take(frames, index)
            } catch {
                let input = links[index].configuration
                say(
                    .failed(
                        "its output '\(input.producerPort)' sent \(error)", culprit: input.producer))
            }
        }
    }

    private func take(_ frames: [ZMQFrame], _ index: Int) throws {
        var envelope = try frames[0].withBytes { try Envelope(decoding: $0) }
        // Sent before the producer heard the last hello: it comes again.
        let isStale = envelope.count != 0
            && envelope.count != UInt32(truncatingIfNeeded: links[index].connection)
        guard !isStale, let hello = links[index].hello else { return }
        clock.arrive(&envelope)
        envelope.count = UInt32(truncatingIfNeeded: hello.stamp.frame)
        switch envelope.kind {
        case .data: try deliver(envelope, frames, index)
        case .end: give(index, envelope)
        default: throw WireError("a message of kind '\(envelope.kind)'")
        }
    }

    private func deliver(_ envelope: Envelope, _ frames: [ZMQFrame], _ index: Int) throws {
        guard envelope.place == nil else { throw WireError("a place in the memory of another machine") }
        try links[index].port?.check(envelope, isHalvable: links[index].configuration.isHalved)
        guard envelope.sequence >= links[index].next else {
            throw WireError(
                "message \(envelope.sequence) where \(links[index].next) or a later one is due")
        }
        guard frames.count == 2, frames[1].count == envelope.payloadBytes else {
            throw WireError("a payload of another size than \(envelope.shape)")
        }
        links[index].next = envelope.sequence + 1
        if isTooLate(envelope, links[index]) {
            links[index].late.insert(envelope.stamp.frame)
            var grant = Envelope(.grant)
            (grant.count, grant.sequence) = (1, envelope.sequence + 1)
            return tell(index, grant)
        }
        links[index].inHand += 1
        guard links[index].configuration.isHalved, envelope.elementType == .float16 else {
            return frames[1].withBytes { give(index, envelope, $0) }
        }
        var wide = envelope
        wide.elementType = .float32
        AnyTensor(copying: frames[1], as: envelope).widened.withBytes { give(index, wide, $0) }
    }

    /// As ``TickAssembler`` has it, but for `even`: what a plugin takes in one go has to be whole.
    private func isTooLate(_ envelope: Envelope, _ link: Link) -> Bool {
        guard let oldest = configuration.oldest, link.configuration.keep == .newest else {
            return false
        }
        return posix_monotonic_ns() - envelope.stamp.captured > oldest
    }

    /// Hands a message to the plugin.
    private func give(_ index: Int, _ envelope: Envelope, _ payload: UnsafeRawBufferPointer? = nil) {
        let identity = Array(identity(index).utf8)
        let header = envelope.encoded()
        identity.withUnsafeBytes { identity in
            header.withUnsafeBytes { header in
                if let payload {
                    _ = inlet.socket.send(identity, header, payload)
                } else {
                    _ = inlet.socket.send(identity, header)
                }
            }
        }
    }
}

extension AnyTensor {
    /// The payload that came with a header.
    init(copying frame: ZMQFrame, as envelope: Envelope) {
        let memory = TensorMemory(byteCount: frame.count)
        frame.withBytes { payload in
            UnsafeMutableRawBufferPointer(start: memory.base, count: payload.count)
                .copyMemory(from: payload)
        }
        self.init(elementType: envelope.elementType, shape: envelope.shape, memory: memory)
    }
}
