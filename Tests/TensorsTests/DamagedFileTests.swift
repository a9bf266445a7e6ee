import Tensors
import Testing

/// Files that are not what they should be: each kind of damage has its own words.
@Suite struct DamagedFileTests {
    let folder = TemporaryFolder()

    private func failure(_ bytes: [UInt8]) throws -> (CheckpointError?, String) {
        let file = try folder.write(bytes)
        do throws(CheckpointError) {
            _ = try Checkpoint(contentsOf: file)
            return (nil, file)
        } catch { return (error, file) }
    }

    @Test(arguments: [0, 7]) func `a file without a length is truncated`(count: Int) throws {
        let (error, file) = try failure([UInt8](repeating: 1, count: count))

        #expect(error == .truncated(file: file, bytes: count, needed: 8))
    }

    @Test func `a header longer than any is refused before it is read`() throws {
        let (error, file) = try failure([0, 0, 0, 0, 0, 0, 0, 0x80, 1, 2])

        #expect(error == .headerTooLong(file: file, header: 1 << 63, limit: 100_000_000))
    }

    @Test func `a header longer than the file is a truncated file`() throws {
        let (error, file) = try failure([100, 0, 0, 0, 0, 0, 0, 0, 0x7b])

        #expect(error == .truncated(file: file, bytes: 9, needed: 108))
    }

    @Test func `missing data is a truncated file`() throws {
        let header = #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
        let (error, file) = try failure(safetensors(header, data: [0, 0, 0, 0]))

        let bytes = 8 + header.utf8.count
        #expect(error == .truncated(file: file, bytes: bytes + 4, needed: bytes + 8))
    }

    @Test func `offsets far behind the data are outside`() throws {
        let header = #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[800,808]}}"#
        let (error, file) = try failure(safetensors(header, data: [0, 0, 0, 0]))

        #expect(
            error == .offsetsOutside(key: "w", file: file, begin: 800, end: 808, dataBytes: 4))
    }

    @Test(arguments: [
        (
            #"{"w":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}"#,
            0
        ),
        (
            #"{"w":{"dtype":"U8","shape":[0],"data_offsets":[9223372036854775807,9223372036854775807]}}"#,
            Int.max
        ),
    ]) func `offsets at the end of all numbers are outside`(header: String, begin: Int) throws {
        let (error, file) = try failure(safetensors(header, data: [0, 0]))

        #expect(
            error == .offsetsOutside(key: "w", file: file, begin: begin, end: .max, dataBytes: 2))
    }

    @Test(
        arguments: [
            (
                "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
                .gitLFSPointer,
                "run 'git lfs pull'"
            ),
            ("\n<!DOCTYPE html>\n<html><body>Sign in", .webPage, "download the file itself"),
            ("<html>\u{e9}", .webPage, "a web page"),
            (
                #"{"error":"Repository not found"}"#, .text(#"{"error":"Repository not found"}"#),
                "text that begins with '{\"error\""
            ),
        ] as [(String, CheckpointError.OtherContent, String)])
    func `what is no checkpoint is told, and what to do`(
        text: String, content: CheckpointError.OtherContent, words: String
    ) throws {
        let (error, file) = try failure(Array(text.utf8))

        #expect(error == .otherContent(file: file, content))
        #expect(error?.description.contains(words) == true)
    }

    @Test func `tensors that share bytes are refused`() throws {
        let header = """
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},\
            "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}
            """
        let (error, file) = try failure(safetensors(header, data: [UInt8](repeating: 0, count: 8)))

        #expect(error == .overlapping(key: "a", other: "b", file: file))
    }

    @Test func `a shape that its bytes do not make is refused`() throws {
        let shape = "[4611686018427387904,4]"
        let header = #"{"a":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,0]}}"#
        let (error, file) = try failure(safetensors(header, data: []))

        #expect(
            error
                == .wrongByteCount(
                    key: "a", file: file, shape: [4_611_686_018_427_387_904, 4], found: 0))
    }

    @Test func `an unknown element type is named`() throws {
        let header = #"{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}"#
        let (error, file) = try failure(safetensors(header, data: [0, 0, 0, 0]))

        #expect(error == .unknownElementType(key: "a", file: file, name: "F31"))
    }

    @Test(arguments: [
        "[]", "{", "{\"a\":1}", "{\"a\":{}}", "{\"a\":{\"dtype\":\"F32\"}}", "\u{0}", "",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1e400],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}",
        "{\"__metadata__\":7}", String(repeating: "[", count: 5000),
    ]) func `a header of the wrong form is refused`(header: String) throws {
        let (error, file) = try failure(safetensors(header, data: [0, 0, 0, 0]))

        guard case .badHeader(let named, _) = error else {
            Issue.record("\(header.prefix(20)): \(String(describing: error))")
            return
        }
        #expect(named == file)
    }

    @Test func `no single changed byte of a small file makes the reader crash`() throws {
        let header = """
            {"__metadata__":{"note":"x"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},\
            "b":{"dtype":"F16","shape":[1],"data_offsets":[8,10]}}
            """
        let sound = safetensors(header, data: [UInt8](repeating: 0, count: 10))

        for index in 0..<(8 + header.utf8.count) {
            var mutant = sound
            mutant[index] = UInt8.random(in: 0...255)
            let file = try folder.write(mutant)
            guard let checkpoint = try? Checkpoint(contentsOf: file) else { continue }
            _ = try? checkpoint.tensor("a", [2]).array
            _ = try? checkpoint.tensor("b", [1]).array
        }
    }
}
