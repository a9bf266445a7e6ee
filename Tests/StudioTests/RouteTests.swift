import Foundation
import Testing

@testable import Studio

/// The table of what the API answers.
@Suite struct RouteTests {
    @Test func `openapi.json describes every route, and no other but the one that takes a token`() throws {
        let bytes = try #require(PageFiles.contents("/openapi.json"))
        let document = try JSONSerialization.jsonObject(with: bytes) as? [String: Any]
        let paths = try #require(document?["paths"] as? [String: [String: Any]])

        let described = paths.flatMap { path, methods in
            methods.keys.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
        }

        #expect(Set(described) == Set(Route.allCases.map(\.rawValue) + ["POST /api/v1/session"]))
    }

    @Test(arguments: [
        ("GET", ["api", "v1", "runs", "a/b", "portraits", "me.png"], .portrait, ["a/b", "me.png"]),
        ("DELETE", ["api", "v1", "runs", "-", "outputs", "x"], .removeOutput, ["-", "x"]),
        ("GET", ["metrics"], .figures, []), ("POST", ["metrics"], nil, []),
        ("GET", ["api", "v1", "runs", "-", "live", "x"], nil, []), ("GET", [], nil, []),
    ] as [(String, [String], Route?, [String])])
    func `a route is found by its method and the number and kind of its words`(
        method: String, words: [String], route: Route?, names: [String]
    ) {
        let found = Route.find(method, words)

        #expect(found?.route == route)
        #expect((found?.names ?? []) == names)
    }
}
