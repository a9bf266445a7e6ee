import Tensors

/// Follows one face from frame to frame: the mesh is looked for where it was, and the picture is searched
/// only when it is lost.
package struct FaceFollower {
    private let finder: FaceFinder
    /// Which face is taken where there are several: 1 is the largest.
    private let choice: Int
    /// What it remembers from frame to frame.
    package var memory = Memory()
    /// How many faces the last search that found any had found.
    package private(set) var crowd = 0

    package struct Memory: Sendable, Equatable {
        /// The face as it was seen last, whether it is in sight now or not.
        package var last: Face?
        /// Whether it was in the frame before.
        package var isInSight = false
        /// Which part of a picture is searched next; 0 before the first search.
        package var turn = 0

        package init() {}
    }

    /// Parts of a picture that one frame is searched for besides the whole, in which a face of a tenth of
    /// its side is found at once. With 8 of them a live graph's age rose from 354 to 548 ms (p95, two busy
    /// cores) while its driver was away.
    private static let partsPerFrame = 2

    package init(_ finder: FaceFinder, choice: Int) {
        (self.finder, self.choice) = (finder, choice)
    }

    /// The face in the next frame `[1, h, w, 3]`; nil when there is none to be seen.
    package mutating func look(at picture: Tensor<UInt8>) -> Face? {
        let face = tracked(picture) ?? searched(picture)
        memory.isInSight = face != nil
        if let face { memory.last = face }
        return face
    }

    private func tracked(_ picture: Tensor<UInt8>) -> Face? {
        guard memory.isInSight, let last = memory.last else { return nil }
        return finder.read(picture, last.surroundings)
    }

    private mutating func searched(_ picture: Tensor<UInt8>) -> Face? {
        let isFirst = memory.turn == 0
        if isFirst { memory.turn = 1 }
        let faces = isFirst
            ? finder.faces(in: picture, atLeast: choice) : someFaces(in: picture)
        guard !faces.isEmpty else { return nil }
        crowd = faces.count
        guard let last = memory.last else { return faces[min(choice, faces.count) - 1] }
        let place = last.measure.center
        return faces.min { a, b in
            let (d, e) = (a.measure.center - place, b.measure.center - place)
            return (d * d).sum() < (e * e).sum()
        }
    }

    /// Those in the whole picture and in its next few parts. All of it at once, as for the first frame
    /// alone, takes longer than a camera's next frame: 155 ms of 1920 × 1080.
    private mutating func someFaces(in picture: Tensor<UInt8>) -> [Face] {
        let windows = FaceFinder.windows(of: picture)
        let parts = Array(windows.dropFirst().joined())
        var looked = windows[0]
        for _ in 0..<min(Self.partsPerFrame, parts.count) {
            looked.append(parts[memory.turn % parts.count])
            memory.turn += 1
        }
        return finder.faces(in: picture, looked, most: Self.placesPerFrame)
    }

    /// Places that the mesh looks at in a frame that is searched.
    private static let placesPerFrame = 4
}
