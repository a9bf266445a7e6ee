import ArgumentParser
import Dataflow
import Foundation
import Launch
import Tensors

/// `personalive deploy`: what a cluster needs so that a graph's machines are its pods.
struct DeployCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy",
        abstract: "Writes manifests for the machines of a graph that are Kubernetes'.",
        discussion: """
            One Deployment for each machine ('kubernetes: {…}' under 'machines:'), a headless \
            Service, a NetworkPolicy, a Job that runs the supervisor with the rights it needs, and a \
            Containerfile. 'kubectl apply -f DIR' brings them up; nothing is applied by this command. \
            Keys are made by the supervisor for each run and travel inside 'kubectl exec': none of \
            them is in a manifest. Exit codes: 0 written, 1 the graph has faults or no such machine, 2 \
            its file cannot be read, 64 the command line is wrong.
            """)

    @Argument(help: "The graph file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @OptionGroup var settings: GraphSettings

    @Option(help: "The folder to write to; it is made if need be.", completion: .directory)
    var kubernetes: String

    @Option(
        help: "The image of all pods, as the Containerfile makes it; a machine's 'image:' wins.")
    var image = "personalive:latest"

    @Option(help: "A PersistentVolumeClaim with weights and media, mounted as the working folder.")
    var claim: String?

    @Flag(help: "Replace manifests that are there already and say something else.")
    var replace = false

    func run() throws {
        let plugins = PluginFolders.load(besides: file)
        plugins.report()
        let check = GraphFile.check(
            path: file, overrides: settings.overrides, registry: plugins.registry)
        FileHandle.standardError.write(Data(check.text.utf8))
        guard let graph = check.graph else { throw ExitCode(check.isReadable ? 1 : 2) }
        let machines = KubernetesManifests.machines(of: graph)
        guard !machines.isEmpty else {
            return try refuse(
                "no node of \(file) runs on a machine of Kubernetes\n  write 'machines: { NAME: { "
                    + "kubernetes: {} } }' and 'machine: NAME' at its nodes")
        }
        let namespaces = Set(machines.map { $0.options["namespace"] })
        guard namespaces.count == 1 else {
            return try refuse("the machines of one graph belong into one namespace")
        }
        let images = Set(machines.compactMap { $0.options["image"] })
        guard images.count <= 1 else {
            return try refuse("all machines of a graph run one image, as they run one program")
        }
        let files = try texts(graph)
        if let obstacle = KubernetesManifests.obstacle(machines, files: files.map(\.name)) {
            return try refuse(obstacle)
        }
        try write(
            KubernetesManifests(graph, files: files, image: images.first ?? image, claim: claim))
    }

    /// The graph and its parts, as they are: the supervisor reads them in its pod.
    private func texts(_ graph: CheckedGraph) throws -> [(name: String, text: String)] {
        let folder = URL(fileURLWithPath: graph.path).deletingLastPathComponent().path
        let parts = Set(graph.parts.map(\.file)).subtracting([graph.path]).sorted()
        return try ([graph.path] + parts).map { path in
            let url = URL(fileURLWithPath: path)
            guard url.deletingLastPathComponent().path == folder else {
                throw ValidationError(
                    "\(path) is a part of \(file) in another folder: a Secret has no folders, so put "
                        + "them into one")
            }
            return (url.lastPathComponent, try String(contentsOf: url, encoding: .utf8))
        }
    }

    private func write(_ manifests: KubernetesManifests) throws {
        try FileManager.default.createDirectory(
            atPath: kubernetes, withIntermediateDirectories: true)
        let files = manifests.all.map { (path: "\(kubernetes)/\($0.name)", text: $0.text) }
        let own = Set(
            ([manifests.graph.path] + manifests.graph.parts.map(\.file)).compactMap {
                try? FilePlace($0)
            })
        let others = files.filter { path, text in
            guard let place = try? FilePlace(path), place.kind != .nothing else { return false }
            return own.contains(place)
                || !replace && FileManager.default.contents(atPath: path) != Data(text.utf8)
        }
        guard others.isEmpty else {
            return try refuse(
                others.map(\.path).joined(separator: ", ")
                    + " would be replaced: nothing was written\n  "
                    + "take another folder, or say --replace if these were written for an earlier graph"
            )
        }
        for (path, text) in files {
            try Draft.write(text.utf8, to: path)
            print(path)
        }
        let notes = DeployNotes(manifests.graph, claim: claim, run: manifests.run)
        let text = notes.all.map { "note: \($0)\n" }.joined()
        FileHandle.standardError.write(Data(text.utf8))
    }

    private func refuse(_ reason: String) throws {
        FileHandle.standardError.write(Data("error: \(reason)\n".utf8))
        throw ExitCode(1)
    }
}
