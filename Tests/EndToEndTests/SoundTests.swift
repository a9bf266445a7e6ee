import Foundation
import Media
import Testing

/// A film through reader and encoder as two processes, its sound beside its pictures.
@Suite struct SoundTests {
    private static let copy = """
        nodes:
          camera: { use: video-file, with: { path: FOLDER/driving.mp4, frames: 30 } }
          encoder:
            use: video-encoder
            in: { frame: camera.frame, audio: camera.audio }
            with: { path: FOLDER/copy.mp4, preset: ultrafast }
        """

    private func read(_ path: String, limit: Int? = nil) throws -> (times: [Int64], sound: [AudioPacket])
    {
        let reader = try VideoReader(path: path, frameLimit: limit)
        var (times, sound): ([Int64], [AudioPacket]) = ([], [])
        while let item = try reader.next() {
            switch item {
            case .frame(let frame): times.append(frame.presentation)
            case .audio(let packet): sound.append(packet)
            }
        }
        return (times, sound)
    }

    @Test func `the sound of a film crosses two processes bit by bit and stays in sync`() throws {
        let tool = try Tool("run", graph: Self.copy, "--json")
        _ = try DemoMedia.write(to: tool.folder, size: 64, frames: 40)

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let source = try read("\(tool.folder)/driving.mp4", limit: 30)
        let copy = try read("\(tool.folder)/copy.mp4")
        #expect(copy.times == source.times)
        #expect(copy.times.count == 30)
        #expect(source.sound.count > 10)
        #expect(copy.sound.map(\.data) == source.sound.map(\.data))
        #expect(copy.sound.map(\.presentationNanoseconds)
                == source.sound.map(\.presentationNanoseconds))
    }
}
