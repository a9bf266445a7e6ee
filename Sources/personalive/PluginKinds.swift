import BuiltinNodes
import Dataflow
import Foundation

extension PluginFolders {
    /// The tool's own kinds and the plugins of the usual places.
    static func load(besides graph: String? = nil) -> PluginFolders {
        PluginFolders(
            builtin: BuiltinKinds.specs, graph: graph,
            specOfFile: { BuiltinKinds.spec(of: $0, file: $1) },
            faultOfContent: { MediaCheck.fault(of: $0, fedBy: $1) })
    }

    /// Shows what is wrong with plugins to a person. A graph that uses none of them runs all the same.
    func report() { FileHandle.standardError.write(Data(text.utf8)) }
}
