import BuiltinNodes
import Dataflow
import Foundation
import Networks

/// What a cluster does otherwise than a graph's author may expect, and no manifest shows.
struct DeployNotes {
    private let graph: CheckedGraph
    private let claim: String?
    private let run: String

    /// - Parameters:
    ///   - claim: the PersistentVolumeClaim that is mounted as the working folder.
    ///   - run: what the run's objects are called.
    init(_ graph: CheckedGraph, claim: String?, run: String) {
        (self.graph, self.claim, self.run) = (graph, claim, run)
    }

    /// One sentence or two each, with what to do.
    var all: [String] { plugins + pods + gpus + faces + [job] }

    /// The image is made of the program's repository: it has the plugins of that, if any.
    private var plugins: [String] {
        let used = Dictionary(
            graph.nodes.compactMap { node in node.plugin.map { ($0.folder, node.name) } },
            uniquingKeysWith: { first, _ in first })
        let place =
            claim.map { "put a copy into Plugins/ of claim '\($0)'" }
            ?? "copy it to /work/Plugins/ in the Containerfile"
        return used.sorted { $0.key < $1.key }.map { folder, node in
            "node '\(node)' is the plugin \(folder), which the image does not have: \(place), and "
                + "install there what the plugin needs"
        }
    }

    private var pods: [String] {
        guard let claim else { return [] }
        let count = KubernetesManifests.machines(of: graph).count + 1
        return [
            "claim '\(claim)' is mounted by \(count) pods: unless its access mode is ReadWriteMany, they "
                + "must all be on one node of the cluster, or all but one wait for ever"
        ]
    }

    /// Nodes of the tool's own kinds compute on processors, unless their 'device:' says otherwise.
    private var gpus: [String] {
        KubernetesManifests.machines(of: graph).compactMap { machine, options in
            guard let count = options["gpus"] else { return nil }
            let nodes = graph.nodes.filter { $0.machine == machine.name }
            let uses = nodes.contains { node in
                guard node.plugin == nil, case .text(let device)? = node.values["device"] else {
                    return node.plugin != nil
                }
                return device.hasPrefix("cuda")
            }
            guard !uses else { return nil }
            return
                "machine '\(machine.name)' asks for \(count) GPU\(count == "1" ? "" : "s"), and none of "
                + "its nodes uses one: remove 'gpus:', or they are kept from others for nothing"
        }
    }

    /// The claim hides the folder in which the image has the models.
    private var faces: [String] {
        let nodes = graph.nodes.filter { !$0.faceFiles.isEmpty }
        guard let claim, let node = nodes.first else { return [] }
        let folder = node.settings[FaceCropNode.networks]
        return [
            "node '\(node.name)' looks for \(folder) on claim '\(claim)', which hides the image's own: "
                + "'personalive models pull face --folder \(folder)' puts it there; without it faces are "
                + "not looked for"
        ]
    }

    private var job: String {
        "a Job that has run is not run again by 'kubectl apply': 'kubectl delete job \(run)-supervisor' "
            + "first"
    }
}

extension CheckedNode {
    /// The files of the networks that find faces, where the node looks for faces.
    var faceFiles: [String] {
        guard kind == FaceCropNode.spec.kind, settings[FaceCropNode.mode] == "face" else {
            return []
        }
        let folder = settings[FaceCropNode.networks]
        return [FaceModel.detectorFile, FaceModel.meshFile].map { "\(folder)/\($0)" }
    }
}
