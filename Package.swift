// swift-tools-version: 6.2
import PackageDescription

/// Loops in C keep `-O3` in debug builds too: Swift in debug is 20-160 times slower there.
let kernels: [CSetting] = [
    .unsafeFlags(["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"])
]

/// Loops that must give the same bits everywhere: no product and sum may be fused into one rounding.
let exactKernels: [CSetting] = [.unsafeFlags(["-O3", "-ffp-contract=off"])]

/// Lets release tests see what is internal, so that one build serves the tool and its tests.
let testable: [SwiftSetting] = [
    .unsafeFlags(["-enable-testing"], .when(configuration: .release))
]

let package = Package(
    name: "personalive",
    products: [
        .executable(name: "personalive", targets: ["personalive"]),
        .executable(name: "personalive-bench", targets: ["personalive-bench"]),
        .library(name: "NodeKit", targets: ["NodeKit", "Wire", "Tensors"]),
        .library(name: "personalive-node", type: .dynamic, targets: ["PersonaliveNode"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
    ],
    targets: [
        // System libraries: a module map and a shim each.
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(
            name: "CFFmpeg", pkgConfig: "libavformat",
            providers: [
                .apt([
                    "libavcodec-dev", "libavformat-dev", "libavutil-dev", "libswscale-dev",
                    "libswresample-dev", "libavdevice-dev", "libavfilter-dev",
                ])
            ]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("dl")]),
        .target(
            name: "CAvfilter", linkerSettings: [.linkedLibrary("dl"), .linkedLibrary("avutil")]),
        .target(name: "CHeif", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "CC2PA", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "CTorch", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "CWebP", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "COneDNN", cSettings: kernels, linkerSettings: [.linkedLibrary("dnnl")]),
        .target(name: "CPosix"),
        .target(name: "Kernels", cSettings: kernels),
        .target(name: "ExactKernels", cSettings: exactKernels),

        // The floor that both towers stand on.
        .target(name: "Tensors", dependencies: ["CPosix", "ExactKernels"]),

        // The runtime: knows nothing of networks.
        .target(name: "NodeKit", dependencies: ["Tensors"]),
        .target(
            name: "Wire", dependencies: ["NodeKit", "Tensors", "CZeroMQ", "CPosix"],
            swiftSettings: testable),
        // The same for programs in other languages: libpersonalive-node.so, with a module for Python.
        .target(name: "CPersonaliveNode"),
        .target(
            name: "PersonaliveNode",
            dependencies: ["CPersonaliveNode", "CPosix", "NodeKit", "Tensors", "Wire"],
            resources: [.copy("Python")]),
        .target(name: "Dataflow", dependencies: ["NodeKit", "Tensors", "CYaml"]),
        .target(
            name: "HTTP",
            dependencies: [
                .product(name: "FlyingFox", package: "FlyingFox"),
                .product(name: "FlyingSocks", package: "FlyingFox"),
            ]),
        .target(
            name: "Launch",
            dependencies: [
                "Dataflow", "HTTP", "NodeKit", "Tensors", "Wire", "CPosix", "CZeroMQ",
            ],
            swiftSettings: testable),

        // The networks: know nothing of processes.
        .target(
            name: "Layers",
            dependencies: [
                "Tensors", "Kernels", "ExactKernels", "COneDNN", "COpenBLAS", "CTorch",
            ]),
        .target(name: "Networks", dependencies: ["Layers", "Tensors", "Kernels"]),
        // What says of pictures that a network made them.
        .target(
            name: "Marks",
            dependencies: ["CC2PA", "COpenSSL", "CPosix", "ExactKernels", "Kernels", "Tensors"],
            swiftSettings: testable),
        .target(
            name: "Media",
            dependencies: [
                "CAvfilter", "CFFmpeg", "CHeif", "CPosix", "CWebP", "Kernels", "Marks", "Tensors",
            ]),
        .target(name: "Parity", dependencies: ["ExactKernels", "Layers", "Networks", "Tensors"]),
        // How good a result is: films against each other, by the face mesh and by their pixels.
        .target(
            name: "Evaluation",
            dependencies: ["CPosix", "Kernels", "Layers", "Media", "Networks", "Tensors"],
            resources: [.embedInCode("descriptors.py")], swiftSettings: testable),

        // Where weights are found, fetched, checked and converted.
        .target(
            name: "Models", dependencies: ["CCurl", "COpenSSL", "CPosix", "Networks", "Tensors"]),

        // The web page and HTTP API: a client of runs.
        .target(
            name: "Studio",
            dependencies: [
                "CPosix", "Dataflow", "Launch", "Marks", "Media", "NodeKit", "Tensors", "Wire",
                .product(name: "FlyingFox", package: "FlyingFox"),
                .product(name: "FlyingSocks", package: "FlyingFox"),
            ],
            resources: [
                "index.html", "style.css", "app.js", "stage.js", "live.js", "camera.js", "sound.js",
                "worklet.js", "graph.js", "editor.js", "openapi.json",
            ].map { .embedInCode("Page/\($0)") },
            swiftSettings: testable),

        // Where they meet.
        .target(
            name: "BuiltinNodes",
            dependencies: [
                "CPosix", "HTTP", "Layers", "Marks", "Media", "Networks", "NodeKit", "Tensors",
            ],
            resources: [.embedInCode("Page/player.html")]),
        .executableTarget(
            name: "personalive",
            dependencies: [
                "BuiltinNodes", "Dataflow", "Evaluation", "HTTP", "Launch", "Layers", "Marks", "Media",
                "Models", "Networks",
                "NodeKit", "Parity", "Studio", "Tensors", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            resources: [
                .embedInCode("Templates/personalive_node.h"), .embedInCode("Templates/grayscale-c.txt"),
            ]),

        // What measures, loads and attacks the tool: not part of what is deployed.
        .executableTarget(
            name: "personalive-bench",
            dependencies: [
                "CPosix", "Dataflow", "Evaluation", "Launch", "Layers", "Media", "Networks", "NodeKit",
                "Parity", "Tensors", "Wire", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: testable),

        // What a machine with a GPU is asked, without anything that needs more than OpenBLAS and oneDNN.
        .executableTarget(
            name: "device-check",
            dependencies: [
                "CTorch", "Layers", "Networks", "Parity", "Tensors",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/DeviceCheck", exclude: ["run", "window.py"]),

        // What tests alone use.
        .target(name: "AllocationMeter", path: "Tests/AllocationMeter", cSettings: kernels),
        .testTarget(name: "TensorsTests", dependencies: ["AllocationMeter", "Tensors"]),
        .testTarget(name: "NodeKitTests", dependencies: ["NodeKit", "Tensors"]),
        .testTarget(name: "WireTests", dependencies: ["CPosix", "NodeKit", "Tensors", "Wire"]),
        .testTarget(name: "DataflowTests", dependencies: ["Dataflow", "NodeKit", "Tensors"]),
        .testTarget(name: "LaunchTests", dependencies: ["Dataflow", "Launch", "Wire"]),
        .testTarget(name: "StudioTests", dependencies: ["Launch", "Marks", "Media", "NodeKit", "Studio", "Tensors", "Wire"]),
        .testTarget(name: "BenchTests", dependencies: ["personalive-bench"]),
        .testTarget(name: "LayersTests", dependencies: ["Layers", "Tensors"]),
        .testTarget(name: "NetworksTests", dependencies: ["Layers", "Networks", "Tensors"]),
        .testTarget(name: "MarksTests", dependencies: ["Marks", "Tensors"]),
        .testTarget(
            name: "MediaTests", dependencies: ["CFFmpeg", "Marks", "Media", "Tensors"],
            exclude: ["Samples"]),
        .testTarget(
            name: "ModelsTests", dependencies: ["personalive", "Models", "Networks", "Tensors"]),
        .testTarget(
            name: "ParityTests", dependencies: ["Layers", "Networks", "Parity", "Tensors"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "EvaluationTests",
            dependencies: ["Evaluation", "Layers", "Media", "Networks", "Tensors"]),
        .testTarget(
            name: "BuiltinNodesTests",
            dependencies: [
                "BuiltinNodes", "Dataflow", "Layers", "Marks", "Media", "Networks", "NodeKit",
                "Tensors",
            ]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "personalive", "personalive-bench", "device-check", "Dataflow", "Layers", "Marks",
                "Media", "NodeKit", "Tensors",
            ]),
    ],
    swiftLanguageModes: [.v6]
)
