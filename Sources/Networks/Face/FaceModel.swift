import Glibc
import Tensors

/// The two networks that find a face, as `personalive models pull face` leaves them.
package struct FaceModel {
    /// Where their files lie, from the current folder on.
    package static let folder = "Models/face"
    package static let detectorFile = "face_detection_short_range.safetensors"
    package static let meshFile = "face_landmark_with_attention.safetensors"

    package let detector: FaceDetector
    package let mesh: FaceMesh

    package init(folder: String) throws(CheckpointError) {
        detector = try FaceDetector(
            from: Checkpoint(contentsOf: "\(folder)/\(Self.detectorFile)"))
        mesh = try FaceMesh(from: Checkpoint(contentsOf: "\(folder)/\(Self.meshFile)"))
    }

    /// Whether both files are there.
    package static func isThere(_ folder: String) -> Bool { lack(of: folder) == nil }

    /// What is wrong with a folder that has not both files; nil where it has.
    package static func lack(of folder: String) -> String? {
        func has(_ file: String) -> Bool { access("\(folder)/\(file)", R_OK) == 0 }
        guard !has(detectorFile) || !has(meshFile) else { return nil }
        return has(earlierMeshFile)
            ? "the face networks in '\(folder)' are an earlier version's, which sees no lids and no "
                + "irises: there is no '\(meshFile)'"
            : "there are no face networks in '\(folder)'"
    }

    /// The mesh without its second look at eyes and lips, which was fetched before.
    private static let earlierMeshFile = "face_landmark.safetensors"
}
