import Foundation
import Testing

@testable import Marks

struct SignatureReportTests {
    @Test func `the manifest says what made the film, whatever the film is called`() throws {
        let text = FilmSignature.manifest(
            title: "a \"film\"\\ñ.mp4", payload: WatermarkPayload(kind: .composite, run: 1))

        let manifest = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(manifest["title"] as? String == "a \"film\"\\ñ.mp4")
        #expect(
            text.contains("c2pa.created") && text.contains("compositeWithTrainedAlgorithmicMedia"))
        #expect(
            FilmSignature.manifest(title: "", payload: nil).contains(#"\/trainedAlgorithmicMedia"#))
    }

    private func answer(
        state: String, codes: [String] = [], assertions: String = "[]", serial: String = "1"
    ) -> String {
        """
        {"active_manifest": "urn:1", "validation_state": "\(state)",
         "validation_status": [\(codes.map { "{\"code\": \"\($0)\"}" }.joined(separator: ","))],
         "manifests": {"urn:1": {"claim_generator_info": [{"name": "tool", "version": "2"}],
          "signature_info": {"issuer": "An office", "common_name": "A person",
           "cert_serial_number": "\(serial)"}, "assertions": \(assertions)}}}
        """
    }

    private func details(_ report: SignatureReport) throws -> SignatureReport.Details {
        guard case .checked(let details) = report else {
            Issue.record("\(report)")
            throw CancellationError()
        }
        return details
    }

    @Test func `a signature that holds is told apart from one that does not`() throws {
        let own = try details(
            SignatureReport(
                json: answer(state: "Valid", codes: ["signingCredential.untrusted"]), ownSerial: "1"
            ))
        let known = try details(SignatureReport(json: answer(state: "Trusted"), ownSerial: "2"))
        let changed = try details(
            SignatureReport(
                json: answer(
                    state: "Invalid",
                    codes: ["assertion.bmffHash.mismatch", "signingCredential.untrusted"]),
                ownSerial: nil))

        #expect(own.holds && own.isOwn && !own.isTrusted && own.faults == [])
        #expect(own.signer == "A person" && own.generator == "tool 2")
        #expect(known.holds && known.isTrusted && !known.isOwn)
        #expect(!changed.holds && changed.faults == ["assertion.bmffHash.mismatch"])
    }

    @Test func `assertions of others are no fault`() throws {
        let assertions = """
            [{"label": "x.y", "data": [1, {"actions": 3}]}, {"label": "z"},
             {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created",
              "digitalSourceType": "t"}, {"action": "c2pa.edited"}]}}]
            """

        let report = try details(
            SignatureReport(json: answer(state: "Valid", assertions: assertions), ownSerial: nil))

        #expect(report.sourceTypes == ["t"])
    }

    @Test func `what a film was made of is read, from our own assertion alone`() throws {
        let data = #"{"ingredients": [{"node": "portrait", "kind": "image-file", "sha256": "ab"}]}"#
        func ingredients(_ label: String) throws -> [Ingredient] {
            let assertions = #"[{"label": "\#(label)", "data": \#(data)}]"#
            return try details(
                SignatureReport(json: answer(state: "Valid", assertions: assertions), ownSerial: nil)
            ).ingredients
        }

        #expect(try ingredients("personalive.ingredients").map(\.sha256) == ["ab"])
        #expect(try ingredients("x.ingredients") == [])
    }

    @Test func `an address has no signature that could be checked`() {
        let report = SignatureReport(of: "http://127.0.0.1:1/a.mp4") { _ in nil }

        #expect(report == .unchecked(reason: "it is no file of this machine"))
    }

    @Test(arguments: ["", "{}", "[]", "{\"active_manifest\": \"a\"}", "no JSON"])
    func `an answer that is not understood is no crash and no signature`(_ json: String) {
        guard case .unchecked = SignatureReport(json: json, ownSerial: nil) else {
            Issue.record("\(json) was taken for a signature")
            return
        }
    }
}
