import BuiltinNodes
import Dataflow
import Foundation
import Marks
import Media
import Networks
import NodeKit
import Tensors

/// Looks into what nodes will read before anything is started, while nothing is loaded.
enum MediaCheck {
    /// What is wrong with what a node reads, or with the portrait that feeds it.
    static func fault(
        of node: ContentNode, fedBy feeders: [String: ContentNode]
    ) -> ContentFault? {
        switch node.kind {
        // The setting 'path' of both.
        case VideoFileNode.spec.kind, PicturesNode.spec.kind:
            VideoReader.fault(of: node.settings[VideoFileNode.path]).map {
                ContentFault(code: "no-pictures", message: "\($0)")
            }
        case AudioFileNode.spec.kind:
            fault("no-sound") { _ = try SoundReader(path: node.settings[AudioFileNode.path]) }
        case ImageFileNode.spec.kind:
            fault(ofPicture: node.settings[ImageFileNode.path]) ?? fault(ofConsent: node.settings)
        case ScaleNode.spec.kind: fault(ofScale: node.settings)
        case ReplayNode.spec.kind:
            fault("bad-recording") { _ = try Recording.Reader(path: node.settings[ReplayNode.path]) }
        default: fault(ofPortrait: node, fedBy: feeders)
        }
    }

    private static func fault(ofScale settings: Settings) -> ContentFault? {
        guard settings[ifSet: ScaleNode.width] == nil, settings[ifSet: ScaleNode.height] == nil else {
            return nil
        }
        return ContentFault(
            code: "no-size", message: "\(ScaleNode.NoSize())",
            hint: "add one or both under 'with:'")
    }

    /// What is wrong with a file that cannot be opened.
    private static func fault(_ code: String, opening: () throws -> Void) -> ContentFault? {
        do {
            try opening()
            return nil
        } catch { return ContentFault(code: code, message: "\(error)") }
    }

    private static func fault(ofPicture path: String) -> ContentFault? {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
            isFolder.boolValue
        else { return nil }
        return ContentFault(
            code: "picture-is-folder", message: "'\(path)' is a folder, and one picture is needed",
            hint: "name a picture in it")
    }

    /// What is wrong with the consent to a picture, or that there is none.
    private static func fault(ofConsent settings: Settings) -> ContentFault? {
        let picture = settings[ImageFileNode.path]
        // A missing picture or consent is a fault of the settings.
        guard FileManager.default.isReadableFile(atPath: picture) else { return nil }
        do throws(ConsentError) {
            _ = try ImageFileNode.consent(for: settings)
            return nil
        } catch {
            if case .unreadable = error { return nil }
            return ContentFault(
                code: "no-consent", message: error.description, hint: error.remedy(for: picture))
        }
    }

    /// What is wrong with the picture that feeds a `face-crop` of a portrait; nil for all other nodes,
    /// and where faces are not looked for.
    private static func fault(
        ofPortrait node: ContentNode, fedBy feeders: [String: ContentNode]
    ) -> ContentFault? {
        guard node.kind == FaceCropNode.spec.kind, node.settings[FaceCropNode.mode] == "face" else {
            return nil
        }
        let networks = node.settings[FaceCropNode.networks]
        if let lack = FaceModel.lack(of: networks) {
            // Where nobody said where they are, the run says that faces are not looked for.
            return networks == FaceModel.folder
                ? nil
                : ContentFault(
                    code: "no-face-networks", message: lack,
                    hint: "personalive models pull face --folder \(networks)")
        }
        guard node.settings[FaceCropNode.subject] == "portrait",
            let feeder = feeders[FaceCropNode.frame.name], feeder.kind == ImageFileNode.spec.kind
        else { return nil }
        let path = feeder.settings[ImageFileNode.path]
        let picture: Tensor<UInt8>
        do { picture = try ImageReader.read(path) } catch {
            return ContentFault(code: "unreadable-portrait", message: "\(error)")
        }
        let finder: FaceFinder
        do { finder = FaceFinder(try FaceModel(folder: networks)) } catch {
            return ContentFault(
                code: "no-face-networks", message: "\(error)", hint: "personalive models pull face")
        }
        let wanted = node.settings[FaceCropNode.choice]
        let found = finder.faces(in: picture, atLeast: wanted).count
        guard found < wanted else { return nil }
        let fault = NoFace(
            width: picture.shape[2], height: picture.shape[1], found: found, wanted: wanted)
        return ContentFault(code: "no-face", message: "'\(path)': \(fault)")
    }
}
