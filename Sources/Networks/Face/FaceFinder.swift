import Glibc
import Layers
import Tensors

/// Looks for faces in pictures of any size: the detector proposes, the mesh decides.
package final class FaceFinder {
    private let model: FaceModel
    // Inputs of the two networks, used again for every picture.
    private let far = Tensor<UInt8>(
        uninitialized: [1, FaceDetector.inputSize, FaceDetector.inputSize, 3])
    private let near = Tensor<UInt8>(
        uninitialized: [1, FaceMesh.inputSize, FaceMesh.inputSize, 3])

    package init(_ model: FaceModel) { self.model = model }

    /// What the mesh must say at least. It tells a face (1.000 for real and rendered ones) from what is
    /// none (.001 for noise) better than the detector (.94 and .24), though not from parts of a face.
    package static let leastCertainty: Float = 0.5
    /// What the detector must say at least for the mesh to look: a small face in a corner had .47.
    private static let leastScore: Float = 0.3

    /// Every face in a picture, the largest first: in the whole, and where there are too few, in parts.
    ///
    /// - Parameters:
    ///   - picture: `[1, h, w, 3]`.
    ///   - count: how many are wanted at least.
    package func faces(in picture: Tensor<UInt8>, atLeast count: Int = 1) -> [Face] {
        var found: [Face] = []
        for windows in Self.windows(of: picture) {
            found = faces(in: picture, windows, besides: found)
            if found.count >= count { break }
        }
        return found
    }

    /// Every face that can be seen in some parts of a picture, the largest first.
    ///
    /// - Parameters:
    ///   - known: faces that were found before, which are among the result.
    ///   - most: how many places the mesh looks at: in a crowd a detector proposes dozens.
    package func faces(
        in picture: Tensor<UInt8>, _ windows: [Face.Region], besides known: [Face] = [],
        most: Int = 64
    ) -> [Face] {
        var found = known, looked: [Face.Region] = found.map(\.surroundings)
        for window in windows {
            for candidate in candidates(in: picture, window) where looked.count < most {
                // What overlaps a place that was looked at is the same face, or the same mistake.
                guard looked.allSatisfy({ $0.overlap(with: candidate) < 0.3 }) else { continue }
                looked.append(candidate)
                guard let face = face(in: picture, near: candidate) else { continue }
                let place = face.surroundings, part = face.measure
                // An eye or a mouth that is looked at closely passes for a face, too.
                let isNew = found.allSatisfy {
                    $0.surroundings.overlap(with: place) < 0.3 && !$0.measure.holds(part)
                }
                guard isNew else { continue }
                found.removeAll { part.holds($0.measure) }
                found.append(face)
                looked.append(place)
            }
        }
        return found.sorted { $0.measure.side > $1.measure.side }
    }

    /// The face that a mesh finds in some place, looked at again around itself until it stays where it
    /// is; nil where the mesh sees none.
    package func face(in picture: Tensor<UInt8>, near region: Face.Region) -> Face? {
        var face = read(picture, region), place = region
        for _ in 0..<Self.looks {
            guard let next = face?.surroundings else { return nil }
            let isSteady = next.overlap(with: place) > 0.97
            place = next
            if isSteady { break }
            face = read(picture, place)
        }
        return face
    }

    /// A detector's box only says about where the face is: for a small one it was half as large again as
    /// the face, and the mesh came to rest at the sixth look.
    private static let looks = 8

    /// The face that the mesh sees at one look at a place; nil where it sees none.
    package func read(_ picture: Tensor<UInt8>, _ region: Face.Region) -> Face? {
        let map = PictureMap(
            square: FaceMesh.inputSize, to: region.center, side: region.side,
            radians: region.radians)
        picture.sample(map, into: near)
        guard let reading = model.mesh(near.floats(centred: false), least: Self.leastCertainty)
        else { return nil }
        let points = reading.points.map { point in
            let place = map(SIMD2(point.x, point.y))
            return SIMD3(place.x, place.y, point.z * map.scale)
        }
        return Face(points: points, certainty: reading.certainty)
    }

    private func candidates(
        in picture: Tensor<UInt8>, _ window: Face.Region
    ) -> [Face.Region] {
        let map = PictureMap(
            square: FaceDetector.inputSize, to: window.center, side: window.side)
        picture.sample(map, into: far)
        return model.detector.faces(in: far.floats(centred: true), least: Self.leastScore)
            .map { found in
                let eyes = found.leftEye - found.rightEye
                return Face.Region(
                    center: map(found.center), side: found.size.max() * FaceMesh.margin * map.scale,
                    radians: atan2(eyes.y, eyes.x))
            }
    }

    /// Squares to look at, coarse ones first: the whole picture, then halves and quarters of its longer
    /// side, each overlapping the next by half. The detector sees faces from a tenth of a square on.
    package static func windows(of picture: Tensor<UInt8>) -> [[Face.Region]] {
        let (height, width) = (Float(picture.shape[1]), Float(picture.shape[2]))
        let longer = max(height, width)
        return [1, 2, 4].map { parts in
            let side = longer / Float(parts)
            return places(side, in: height).flatMap { y in
                places(side, in: width).map { x in
                    Face.Region(center: SIMD2(x, y), side: side)
                }
            }
        }
    }

    /// Middles of pieces that cover a length, half a piece apart at most.
    private static func places(_ side: Float, in length: Float) -> [Float] {
        guard length > side else { return [length / 2] }
        let steps = Int(((length - side) / (side / 2)).rounded(.up))
        return (0...steps).map { side / 2 + (length - side) * Float($0) / Float(steps) }
    }
}
