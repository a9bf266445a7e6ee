import ArgumentParser
import Foundation

/// The program that is measured: `personalive`, built or installed beside this one.
enum MeasuredProgram {
    /// Throws when it is not there.
    static func path() throws -> String {
        let path = "\(ownFolder)/personalive"
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
            !isFolder.boolValue,
            FileManager.default.isExecutableFile(atPath: path)
        else {
            throw ValidationError(
                "\(path) is not there, and it is what is measured: build it ('swift build -c release "
                    + "--product personalive') or put it beside this program")
        }
        return path
    }

    /// This program, as a path that can be started again.
    static var own: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            ?? CommandLine.arguments[0]
    }

    /// The folder of this program.
    static var ownFolder: String { URL(fileURLWithPath: own).deletingLastPathComponent().path }
}
