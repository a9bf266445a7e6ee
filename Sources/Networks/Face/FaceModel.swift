import Glibc
import Tensors

/// The two networks that find a face, as `personalive models pull face` leaves them.
package struct FaceModel {
    /// Where their files lie, from the current folder on.
    package static let folder = "Models/face"
    package static let detectorFile = "face_detection_short_range.safetensors"
    package static let meshFile = "face_landmark.safetensors"

    package let detector: FaceDetector
    package let mesh: FaceMesh

    package init(folder: String) throws(CheckpointError) {
        detector = try FaceDetector(
            from: Checkpoint(contentsOf: "\(folder)/\(Self.detectorFile)"))
        mesh = try FaceMesh(from: Checkpoint(contentsOf: "\(folder)/\(Self.meshFile)"))
    }

    /// Whether both files are there.
    package static func isThere(_ folder: String) -> Bool {
        [detectorFile, meshFile].allSatisfy { access("\(folder)/\($0)", R_OK) == 0 }
    }
}
