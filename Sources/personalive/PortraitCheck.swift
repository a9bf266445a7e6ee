import BuiltinNodes
import Dataflow
import Media
import Networks
import Tensors

/// Looks for the face in a portrait before anything is started: what has none is refused while nothing
/// is loaded.
enum PortraitCheck {
    /// What is wrong with the picture that feeds a `face-crop` of a portrait; nil for all other nodes,
    /// and where faces are not looked for.
    static func fault(
        of node: ContentNode, fedBy feeders: [String: ContentNode]
    ) -> ContentFault? {
        guard node.kind == FaceCropNode.spec.kind,
            node.settings[FaceCropNode.subject] == "portrait",
            node.settings[FaceCropNode.mode] == "face",
            let feeder = feeders[FaceCropNode.frame.name], feeder.kind == ImageFileNode.spec.kind,
            FaceModel.isThere(node.settings[FaceCropNode.networks])
        else { return nil }
        let path = feeder.settings[ImageFileNode.path]
        do {
            let picture = try ImageReader.read(path)
            let model = try FaceModel(folder: node.settings[FaceCropNode.networks])
            guard FaceFinder(model).faces(in: picture).isEmpty else { return nil }
            let fault = NoFace(width: picture.shape[2], height: picture.shape[1])
            return ContentFault(code: "no-face", message: "'\(path)': \(fault)")
        } catch {
            return ContentFault(code: "unreadable-portrait", message: "\(error)")
        }
    }
}
