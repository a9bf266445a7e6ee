import Media
import Testing

@Suite struct StreamAddressTests {
    private typealias Row = (text: String, key: String?, url: String, shown: String)

    @Test func `a key comes behind the address, or where it is wanted, and is not shown`() throws {
        let rows: [Row] = [
            ("rtmp://host/live", "s3cret", "rtmp://host/live/s3cret", "rtmp://host/live/…"),
            ("rtmp://host/live/", "s3cret", "rtmp://host/live/s3cret", "rtmp://host/live/…"),
            (
                "rtmp://host:1936/live/s3cret", nil, "rtmp://host:1936/live/s3cret",
                "rtmp://host:1936/live/…"
            ),
            (
                "rtmps://host/app/x?k={key}", "s3cret", "rtmps://host/app/x?k=s3cret",
                "rtmps://host/app/…"
            ),
            (
                "srt://host:9000?streamid={key}", "s3cret", "srt://host:9000?streamid=s3cret",
                "srt://host:9000?…"
            ),
            ("srt://host:9000", nil, "srt://host:9000", "srt://host:9000"),
            ("rtsp://u:pw@host/a/b", nil, "rtsp://u:pw@host/a/b", "rtsp://u:…@host/a/…"),
            ("udp://10.0.0.1:1234", nil, "udp://10.0.0.1:1234", "udp://10.0.0.1:1234"),
            ("rtmp://host", "s3cret", "rtmp://host/s3cret", "rtmp://host/…"),
            ("rtmp://host/{key}", "s3cret", "rtmp://host/s3cret", "rtmp://host/…"),
            ("rtsp://host:8554", "s3cret", "rtsp://host:8554/s3cret", "rtsp://host:8554/…"),
            ("rtsp://u:{key}@host/a", "s3cret", "rtsp://u:s3cret@host/a", "rtsp://u:…@host/a"),
            ("rtsp://{key}@host/a", "s3cret", "rtsp://s3cret@host/a", "rtsp://…@host/a"),
            (
                "rtmp://host/{key}/x", "s3cret?sig=abc", "rtmp://host/s3cret?sig=abc/x",
                "rtmp://host/…/…"
            ),
            (
                "srt://u:pw@host:9000?passphrase=hush", nil, "srt://u:pw@host:9000?passphrase=hush",
                "srt://u:…@host:9000?…"
            ),
        ]
        for row in rows {
            let address = try StreamAddress(row.text, key: row.key)
            #expect(address.url == row.url)
            #expect(address.shown == row.shown)
            #expect(address.file == nil)
            guard let key = row.key else { continue }
            #expect(!address.shown.contains(key))
            #expect(!address.cleaned("cannot publish \(key) to \(row.url)").contains("s3cret"))
        }
    }

    @Test(arguments: [
        ("srt://host:9000", "srt://host:9000?streamid={key}"),
        ("srt://host:9000?mode=caller", "srt://host:9000?streamid={key}"),
        ("udp://10.0.0.1:1234", "/dev/null"), ("tcp://u:pw@host:1234?x={key}", "/dev/null"),
        ("film.mkv", "/dev/null"),
    ])
    func `a key for which there is no place is refused, with what to do`(
        text: String, advice: String
    ) {
        let error = #expect(throws: MediaError.self) { try StreamAddress(text, key: "s3cret") }
        #expect("\(error!)".contains(advice), "\(error!)")
        #expect(!"\(error!)".contains("s3cret") && !"\(error!)".contains("pw"), "\(error!)")
    }

    @Test func `what a library says is cleaned of the address and its parts`() throws {
        let address = try StreamAddress("rtmp://host/live", key: "s3cret?sig=abc")

        for text in [
            "Cannot open rtmp://host/live/s3cret?sig=abc", "publish s3cret failed", "bad sig abc",
        ] {
            let clean = address.cleaned(text)
            #expect(!clean.contains("s3cret") && !clean.contains("abc"), "\(clean)")
        }
    }

    @Test(arguments: [
        ("film.mp4", StreamAddress.Form.mp4), ("a/b.MKV", .matroska), ("file:///tmp/x.ts", .mpegts),
        ("x.flv", .flv),
    ])
    func `a file's name says its form`(name: String, form: StreamAddress.Form) throws {
        let address = try StreamAddress(name)
        #expect(address.form == form)
        #expect(address.file?.contains("://") == false)
    }

    @Test func `what cannot be sent to is named, with what can`() {
        let http = #expect(throws: MediaError.self) { try StreamAddress("http://host/x") }
        #expect("\(http!)".contains("nothing is sent to 'http'"))
        let name = #expect(throws: MediaError.self) { try StreamAddress("film.avi") }
        #expect("\(name!)".contains(".mp4, .mkv, .ts, .flv"))
    }
}
