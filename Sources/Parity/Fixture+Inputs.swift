import Layers
import Tensors

/// Inputs are not stored but computed, each from its own description.
extension Fixture {
    /// An input of numbers, in the order that the fixture uses (channels before rows).
    func floats(_ input: String) throws -> Tensor<Float> {
        if let stored = file.stored("in/" + input, as: Float.self) { return stored }
        let description = try describe(input)
        if let values = description["values"]?.list {
            return Tensor(values.compactMap { $0.number.map(Float.init) }, shape: [values.count])
        }
        guard let shape = description["shape"]?.integers else {
            throw FixtureError.badInput(fixture: name, input: input, problem: "it has no shape")
        }
        return try numbers(description, input, id: text(description, "id", input), shape)
    }

    /// An input whose name or shape the fixture leaves to the caller, such as one bank of many.
    func floats(_ input: String, id: String, shape: [Int]) throws -> Tensor<Float> {
        try numbers(describe(input), input, id: id, shape)
    }

    /// An input of numbers, channels last: `[n, h, w, c]`.
    func channelsLast(_ input: String) throws -> Tensor<Float> {
        try floats(input).channelsLast()
    }

    /// An input of bytes: `[n, h, w, 3]`.
    func pictures(_ input: String) throws -> Tensor<UInt8> {
        if let stored = file.stored("in/" + input, as: UInt8.self) {
            return stored.shape.count == 3 ? stored.reshaped([1] + stored.shape) : stored
        }
        let description = try describe(input)
        let id = try text(description, "id", input)
        guard let height = description["height"]?.integer, height > 0,
            let width = description["width"]?.integer, width > 0,
            let cells = description["cells"]?.integer, cells > 0
        else {
            throw FixtureError.badInput(fixture: name, input: input, problem: "it has no size")
        }
        guard let times = description["t"]?.integers else {
            return SyntheticStream.image(id, height: height, width: width, cells: cells)
                .reshaped([1, height, width, 3])
        }
        let all = Tensor<UInt8>(uninitialized: [times.count, height, width, 3])
        for (index, time) in times.enumerated() {
            let frame = SyntheticStream.frame(
                id, time: time, height: height, width: width, cells: cells)
            all.rows(index..<index + 1).pointer.update(from: frame.pointer, count: frame.count)
        }
        return all
    }

    /// An input of bytes as numbers in 0...1, or in -1...1 when centred: `[n, h, w, 3]`.
    func pictures(_ input: String, centred: Bool) throws -> Tensor<Float> {
        try pictures(input).floats(centred: centred)
    }

    private func numbers(
        _ description: JSONValue, _ input: String, id: String, _ shape: [Int]
    ) throws -> Tensor<Float> {
        let stream = SyntheticStream(id)
        let scale = Float(description["scale"]?.number ?? 1)
        switch description["kind"]?.text {
        case "gauss": return stream.gauss(shape, scale: scale)
        case "unit":
            return stream.unit(
                shape, scale: scale, offset: description["offset"]?.number.map(Float.init))
        case let kind:
            throw FixtureError.badInput(
                fixture: name, input: input, problem: "unknown kind '\(kind ?? "")'")
        }
    }

    private func describe(_ input: String) throws -> JSONValue {
        guard let description = inputs[input] else {
            throw FixtureError.noInput(fixture: name, input: input)
        }
        return description
    }

    private func text(_ description: JSONValue, _ field: String, _ input: String) throws -> String {
        guard let text = description[field]?.text else {
            throw FixtureError.badInput(fixture: name, input: input, problem: "it has no \(field)")
        }
        return text
    }
}
