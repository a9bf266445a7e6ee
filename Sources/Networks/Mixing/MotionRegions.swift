import Tensors

/// Directions among motion tokens along which one region of a face moves, and how to read how far.
///
/// A line through the embedding of a face is found for each thing a region can do (lids, gaze, brows,
/// mouth), by regression of embeddings on what rendered faces were told to do; `Training` has the
/// script. What is read is free of what other regions do: the reading of one direction is 1 along itself
/// and 0 along all others.
package struct MotionRegions: Sendable {
    /// One direction: `write` is what the tokens become more by, for a reading of one more.
    package struct Direction: Sendable {
        package let region: FaceRegion
        package let read, write: [Float]

        package init(region: FaceRegion, read: [Float], write: [Float]) {
            (self.region, self.read, self.write) = (region, read, write)
        }
    }

    package let directions: [Direction]

    /// Whether weights have any: those that are computed from names mean nothing.
    package static func are(in checkpoint: Checkpoint) -> Bool {
        checkpoint.contains("\(FaceRegion.mouth.rawValue).read", ifSynthetic: false)
    }

    /// - Parameters:
    ///   - checkpoint: `mouth.read`, `mouth.write` and so on, `[directions, width]` each.
    ///   - width: tokens of a frame times their numbers.
    package init(from checkpoint: Checkpoint, width: Int) throws(CheckpointError) {
        var directions: [Direction] = []
        for region in FaceRegion.allCases {
            let (scope, count) = (checkpoint.scope(region.rawValue), region.directionCount)
            let read = try scope.tensor("read", [count, width])
            let write = try scope.tensor("write", [count, width])
            directions += (0..<count).map { row in
                Direction(
                    region: region, read: read.rows(row..<row + 1).array,
                    write: write.rows(row..<row + 1).array)
            }
        }
        self.directions = directions
    }

    package init(_ directions: [Direction]) { self.directions = directions }
}

extension FaceRegion {
    /// What a region can do: open, wide, smile; two lids and a gaze in two directions; raise and tilt.
    fileprivate var directionCount: Int {
        switch self {
        case .mouth: 3
        case .eyes: 4
        case .brows: 2
        }
    }
}
