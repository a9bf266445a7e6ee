import NodeKit

/// All that a node's process is told: what it is, and who its neighbours are.
package struct NodeConfiguration: Sendable {
    /// An edge that ends here.
    package struct Input: Sendable, Equatable {
        package var port: String
        package var producer: String
        package var producerPort: String
        package var endpoint: String
        package var keep: Keep
        package var window: Int
        /// Looks on at another run's node, which knows nothing of this one and does not wait for this one:
        /// a word that tells such taps apart.
        package var tap: String?
        /// Whether numbers from another machine come in half precision.
        package var isHalved = false
        /// Whether the producer is on another machine at the moment.
        package var isElsewhere = false
        /// Public key of a producer elsewhere: the process that serves the endpoint must have its secret.
        package var producerKey: String?
        /// Which change of a running graph made the edge; 0 for one that was there from the first.
        package var edition = 0
        /// What the port takes, where the node's kind does not say so.
        package var type: TensorType?
        /// How the port keeps time, of a node that takes whatever it is fed.
        package var pace: Pace?
        /// Of an input that decides whether frames are worked on: what its number has to be, more than 0 or
        /// not; nil for all other inputs.
        package var condition: Bool?

        /// What tells the edge from others that have ended at the same port: messages of each are
        /// numbered by its own producer.
        package var key: String { NodeConfiguration.key(port, edition) }

        /// How the socket of a node's input calls itself.
        package func identity(of node: String) -> String {
            tap.map { "tap.\(producerPort).\($0)" } ?? "\(node).\(key)"
        }

        package init(
            port: String, producer: String, producerPort: String, endpoint: String, keep: Keep,
            window: Int
        ) {
            self.port = port
            self.producer = producer
            self.producerPort = producerPort
            self.endpoint = endpoint
            self.keep = keep
            self.window = window
        }
    }

    /// Type and axes of a port, as `node.yaml` has them.
    package struct TensorType: Sendable, Equatable, Codable {
        package let element: String
        package let axes: String
        /// What its numbers mean, for a node that takes whatever it is fed.
        package var meaning: String?

        package init(element: String, axes: String) { (self.element, self.axes) = (element, axes) }
    }

    private static func key(_ port: String, _ edition: Int) -> String {
        edition == 0 ? port : "\(port)~\(edition)"
    }

    /// An edge that begins here.
    package struct Output: Sendable, Equatable {
        package var port: String
        package var consumer: String
        package var consumerPort: String
        package var keep: Keep
        package var window: Int
        /// Whether the consumer is where it cannot read this process's memory.
        package var isInline = false
        /// Whether numbers for another machine go in half precision.
        package var isHalved = false
        /// The consumer's public key, should it come from another machine.
        package var consumerKey: String?
        /// Which change of a running graph made the edge; 0 for one that was there from the first.
        package var edition = 0
        /// Which frames go this way, where not all do.
        package var thinning: Thinning?
        /// The replicated node that the consumer is one process of: each frame goes to one of them.
        package var group: ReplicaGroup?
        /// The first frame that goes this way; nil where all do.
        package var since: UInt64?
        /// The first frame that does not go this way any more; nil where none is known.
        package var until: UInt64?
        /// Whether it is a tap: what is not taken is not missed.
        var isTap = false

        package init(
            port: String, consumer: String, consumerPort: String, keep: Keep, window: Int
        ) {
            self.port = port
            self.consumer = consumer
            self.consumerPort = consumerPort
            self.keep = keep
            self.window = window
        }

        /// The edge to someone who calls himself `tap.PORT.…`: his process may come and go.
        init?(tap identity: String) {
            let words = identity.split(separator: ".", maxSplits: 2).map(String.init)
            guard words.count == 3, words[0] == "tap" else { return nil }
            self.init(
                port: words[1], consumer: "tap", consumerPort: "\(words[1]).\(words[2])",
                keep: .newest, window: 1)
            isTap = true
        }

        /// How the consumer's socket calls itself.
        package var identity: String { "\(consumer).\(NodeConfiguration.key(consumerPort, edition))" }

        /// What tells the edge from all others of the node.
        var name: String { "\(port)>\(identity)" }
    }

    package var name: String
    package var settings: Settings
    package var inputs: [Input]
    package var outputs: [Output]
    /// Where the outputs are served besides the node's own endpoint, for consumers elsewhere.
    package var listen: String?
    /// The node's own keys, where it has neighbours on other machines.
    package var keys: CurveKeys?
    /// The oldest that a frame of a live graph may be when it is shown, nanoseconds.
    package var latencyBudget: Int64?
    /// The same less the time that the node and those behind it are known to take: a frame that is
    /// older here is dropped where its edge may drop.
    package var oldest: Int64?
    /// What node.yaml says of a program's node; nil for kinds that know it themselves.
    package var spec: NodeSpec?
    /// Whether it may listen without keys on more than the loopback.
    package var isInsecure = false

    package init(name: String, settings: Settings, inputs: [Input], outputs: [Output]) {
        self.name = name
        self.settings = settings
        self.inputs = inputs
        self.outputs = outputs
    }

    /// A node of a run, for the files that its processes write one after the other.
    package static func owner(of node: String, in folder: String) -> String { "\(folder)/\(node)" }

    /// Where a node's outputs are served, in the folder of its run.
    package static func endpoint(of node: String, in folder: String) -> String {
        "ipc://\(folder)/\(node).sock"
    }

    /// In the folder of a run: what it is called, locked while it lives.
    package static func nameFile(in folder: String) -> String { "\(folder)/name" }

    /// Where the supervisor listens.
    package static func controlEndpoint(in folder: String) -> String {
        "ipc://\(folder)/control.sock"
    }
}
