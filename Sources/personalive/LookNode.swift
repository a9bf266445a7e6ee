import Foundation
import Launch
import NodeKit
import Tensors

/// Sends what is to be seen at an output of another run, on another machine: a source of the runs
/// that `swap --shadow` makes.
struct LookNode: Node {
    static let place = Setting("place", String.self, "an EdgePlace as JSON")
    static let spec = NodeSpec(
        "look", "Looks on at an output of a running graph.", settings: [place])

    private let place: EdgePlace
    private var tap: EdgeTap?

    init(settings: Settings) throws {
        place = try JSONDecoder().decode(
            EdgePlace.self, from: Data(settings[Self.place].utf8))
    }

    mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        // Not before the run begins: whoever looks on has to take what comes.
        let tap = try self.tap ?? EdgeTap(place)
        self.tap = tap
        switch try tap.next(milliseconds: 100) {
        case .message(let stamp, let tensor): outputs.send(Message(tensor, stamp), on: place.port)
        case .end: outputs.finish()
        case nil: break
        }
    }
}
