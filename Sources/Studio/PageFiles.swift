import FlyingFox
import Foundation

/// The page's files, which are in the program itself.
enum PageFiles {
    private static let files: [String: (bytes: [UInt8], type: String)] = {
        let (html, css, js) = (
            "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8"
        )
        return [
            "/": (PackageResources.index_html, html),
            "/style.css": (PackageResources.style_css, css),
            "/app.js": (PackageResources.app_js, js),
            "/stage.js": (PackageResources.stage_js, js),
            "/live.js": (PackageResources.live_js, js),
            "/camera.js": (PackageResources.camera_js, js),
            "/sound.js": (PackageResources.sound_js, js),
            "/worklet.js": (PackageResources.worklet_js, js),
            "/graph.js": (PackageResources.graph_js, js),
            "/editor.js": (PackageResources.editor_js, js),
            "/openapi.json": (PackageResources.openapi_json, "application/json"),
        ]
    }()

    /// A file's bytes; nil of one that is none of the page's.
    static func contents(_ path: String) -> Data? { files[path].map { Data($0.bytes) } }

    static func response(_ request: HTTPRequest) -> HTTPResponse {
        guard ["GET", "HEAD"].contains(request.method.rawValue) else {
            return .fault(405, "this address answers GET only; the API is below /api/v1")
        }
        guard let file = files[request.path == "/index.html" ? "/" : request.path] else {
            return .fault(404, "there is no '\(request.path)' here; the API is below /api/v1")
        }
        return .bytes(Data(file.bytes), type: file.type)
    }
}
