import Foundation
import Wire

// The supervisor starts this as: grayscale-swift NAME --kind KIND --folder FOLDER
let arguments = CommandLine.arguments
guard arguments.count >= 2, let option = arguments.firstIndex(of: "--folder"),
    arguments.indices.contains(option + 1)
else {
    print("usage: grayscale-swift NAME --kind KIND --folder FOLDER (the supervisor starts it)")
    exit(64)
}
exit(NodeHost.run(GrayscaleNode.self, name: arguments[1], folder: arguments[option + 1]))
