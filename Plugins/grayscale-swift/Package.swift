// swift-tools-version: 6.2
import PackageDescription

// A package of its own: all that it needs of personalive is the product NodeKit. Yours would name
// the repository: .package(url: "https://…/personalive", branch: "main").
let package = Package(
    name: "grayscale-swift",
    dependencies: [.package(name: "personalive", path: "../..")],
    targets: [
        .executableTarget(
            name: "grayscale-swift",
            dependencies: [.product(name: "NodeKit", package: "personalive")])
    ],
    swiftLanguageModes: [.v6]
)
