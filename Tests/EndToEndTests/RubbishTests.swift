import Foundation
import Media
import Testing

/// A plugin that sends rubbish by a seed: it is named, and harms no other node.
@Suite(.enabled(if: Python.isComplete, "python3 with zmq and numpy is not here"))
struct RubbishTests {
    private static let graph = """
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=25", frames: 30 } }
          plugin: { use: KIND, in: { frame: { from: camera.frame, keep: all } } }
          film:
            use: video-encoder
            in: { frame: plugin.frame }
            with: { path: FOLDER/film.mp4, preset: ultrafast }
        """

    /// Damages one of ten headers, to producers and to consumers alike, and one of twenty words to the
    /// supervisor: bytes changed, cut off, added, or all replaced, lengths of 4 GB among them.
    private static let rubbish = """
        import random
        numbers = random.Random(SEED)

        def damaged(data):
            data = bytearray(data)
            what = numbers.randrange(6)
            if what == 0:
                data[numbers.randrange(len(data))] = numbers.randrange(256)
            elif what == 1:
                for _ in range(numbers.randrange(1, 9)):
                    data[numbers.randrange(len(data))] ^= 1 << numbers.randrange(8)
            elif what == 2:
                del data[numbers.randrange(len(data)):]
            elif what == 3:
                data += numbers.randbytes(numbers.randrange(1, 200))
            elif what == 4:
                data = bytearray(numbers.randbytes(numbers.randrange(200)))
            else:
                place = numbers.randrange(max(len(data) - 8, 1))
                data[place:place + 8] = b"\\\\xff\\\\xff\\\\xff\\\\xff\\\\x00\\\\x00\\\\x00\\\\x00"
            return bytes(data)

        clean = Header.encoded
        Header.encoded = lambda self: damaged(clean(self)) if numbers.random() < 0.1 else clean(self)

        def say(self, type, **members):
            data = json.dumps({"type": type, **members}).encode()
            self.control.send(damaged(data) if numbers.random() < 0.05 else data)
        Host.say = say
        """

    @Test(arguments: 1...12)
    func `whatever a plugin sends, it alone is blamed, and nothing is left behind`(seed: Int) throws
    {
        let kind = "rubbish-\(seed)"
        let folder = try Python.plugin(
            kind, change: Self.rubbish.replacing("SEED", with: "\(seed)"), within: 5)
        let tool = try Tool("run", graph: Self.graph.replacing("KIND", with: kind), "--quiet")
        tool.plugins = [folder]
        try tool.start()

        // A damaged grant gives no credit back, so that the graph waits for a plugin that lives: only
        // then is it stopped from outside, and then it ends.
        let process = tool.process
        for _ in 0..<1000 where process.isRunning { usleep(10_000) }
        let isStopped = process.isRunning
        if isStopped {
            #expect(tool.nodes["plugin"] != nil, "the plugin has ended, and the run goes on")
            kill(process.processIdentifier, SIGTERM)
            let hasEnded = tool.waitUntil { !process.isRunning }
            #expect(hasEnded, "SIGTERM does not end the run")
            if !hasEnded { kill(process.processIdentifier, SIGKILL) }
        }
        let outcome = tool.finish()

        let expected: [Int32] = isStopped ? [130, 3] : [0, 3]
        #expect(expected.contains(outcome.status), "\(outcome.status): \(outcome.errors)")
        if outcome.status == 3 {
            #expect(outcome.errors.contains("node 'plugin' (\(kind)) failed"), "\(outcome.errors)")
        }
        #expect(tool.nodes.isEmpty)
        #expect(tool.traces.isEmpty)
        let film = "\(tool.folder)/film.mp4"
        if FileManager.default.fileExists(atPath: film) {
            let reader = try VideoReader(path: film)
            while try reader.next() != nil {}
        }
    }
}
