import BuiltinNodes
import NodeKit
import Tensors
import Testing

/// What measurements of edges rest on: payloads that are written whole, and read whole.
@Suite struct TestNodesTests {
    private static let data = Port("data", UInt8.self, "bytes", meaning: "bytes", "the payload")

    private func payloads(_ settings: [String: SettingValue]) throws -> [[UInt8]] {
        var source = try NodeHarness(TestSourceNode.self, Settings(settings))
        for _ in 0..<3 { try source.tick() }
        return source.received(Self.data).map(\.array)
    }

    @Test func `what a stage adds can change between two ticks`() throws {
        var stage = try NodeHarness(TestStageNode.self)
        let payload = Tensor<UInt8>([250, 7], shape: [2])

        try stage.tick([.init(Self.data, payload)])
        stage.update(Settings(["add": .integer(9)]))
        try stage.tick([.init(Self.data, payload)])

        #expect(stage.received(Self.data).map(\.array) == [[250, 7], [3, 16]])
    }

    @Test func `no port, no size of a chunk and no file depends on a live setting`() {
        for spec in BuiltinKinds.specs {
            let live = Set(spec.settings.filter(\.isLive).map(\.name))
            let cases = (spec.inputs + spec.outputs).flatMap(\.cases).map(\.setting)
            let files: [SettingType] = [.inputFile, .inputMedia, .outputFile, .weights]
            let fixed = spec.settings.filter { files.contains($0.type) }.map(\.name)

            #expect(live.isDisjoint(with: cases + fixed + [spec.chunkSetting ?? ""]), "\(spec.kind)")
        }
    }

    @Test func `a source that writes in place writes every byte of every payload`() throws {
        let payloads = try payloads(["bytes": .integer(5000), "copy": .flag(false)])

        #expect(payloads.map(\.count) == [5000, 5000, 5000])
        #expect(payloads.map { Set($0) } == [[0], [1], [2]])
    }

    @Test func `a numbered source numbers its payloads, whether they are copied or not`() throws {
        for copy in [true, false] {
            let payloads = try payloads([
                "bytes": .integer(100), "numbered": .flag(true), "copy": .flag(copy),
            ])

            #expect(payloads.map { $0[0] } == [0, 1, 2])
            #expect(payloads.allSatisfy { $0[1..<8].allSatisfy { $0 == 0 } })
            #expect(payloads.allSatisfy { $0[8...].allSatisfy { $0 == 7 } })
        }
    }

    @Test func `a sink that reads notices one byte that differs, wherever it is`() throws {
        var sink = try NodeHarness(TestSinkNode.self, Settings(["read": .flag(true)]))
        let whole = Tensor<UInt8>(repeating: 9, shape: [1000])

        try sink.tick([.init(Self.data, whole)])

        for place in [0, 1, 500, 999] {
            let damaged = Tensor<UInt8>(repeating: 9, shape: [1000])
            damaged.pointer[place] = 8
            #expect(throws: (any Error).self) {
                try sink.tick([.init(Self.data, damaged)])
            }
        }
    }
}
