import Foundation

/// The one JSON object that a bench prints under `--json`.
struct BenchRecord<Results: Encodable>: Encodable {
    /// Of this object's form: what is in `results` belongs to the bench.
    var version = 1
    /// The subcommand, such as `transport`.
    var bench: String
    /// The words after the program's name.
    var arguments: [String]
    var stamp: BenchStamp
    var results: Results
}

/// A measurement under way: says where it is made before its first figure, and prints its record.
struct Measurement {
    private let bench: String
    private let isJSON: Bool
    private var stamp: BenchStamp

    /// Begins, and prints the line that every figure belongs to.
    init(_ bench: String, json: Bool) {
        (self.bench, isJSON) = (bench, json)
        stamp = .now()
        if !json { print(stamp.text) }
    }

    /// Prints a line of figures for people.
    func show(_ text: @autoclosure () -> String) {
        guard !isJSON else { return }
        print(text())
        // A long measurement's figures are read while it goes on, in a file as well.
        fflush(nil)
    }

    /// Says how far the measurement is: beside the figures, so that JSON stays JSON.
    func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// Prints the record where it was asked for, or else what the machine's load has become.
    mutating func finish(_ results: some Encodable) throws {
        stamp.load.after = ThisMachine.load
        guard isJSON else { return print("load at the end: \(stamp.load.after.formatted())") }
        let record = BenchRecord(
            bench: bench, arguments: Array(CommandLine.arguments.dropFirst()), stamp: stamp,
            results: results)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(record), as: UTF8.self))
    }
}
