import Media
import Testing

/// What viewers of a live stream are told, and when they can have what.
@Suite struct HLSPlaylistTests {
    private static let second: Int64 = 1_000_000_000

    private func part(_ byte: UInt8, isIndependent: Bool = false) -> HLSPlaylist.Part {
        .init(bytes: [byte], duration: Self.second / 2, isIndependent: isIndependent)
    }

    /// Segments of a second in two parts, the last one open with one part, from number 7 on.
    private func playlist(segments: Int, window: Int = 3) -> HLSPlaylist {
        var playlist = HLSPlaylist(
            first: 7, segment: Self.second, part: Self.second / 2, window: window)
        for number in 0..<segments {
            playlist.begin(
                at: Int64(number) * Self.second, header: number == 0 ? [0xff] : nil, isBreak: false)
            playlist.add(part(UInt8(2 * number), isIndependent: true))
            if number < segments - 1 { playlist.add(part(UInt8(2 * number + 1))) }
        }
        return playlist
    }

    @Test func `the list names segments, the newest parts, and the one that comes next`() {
        #expect(
            playlist(segments: 2).text(isLowLatency: true) == """
                #EXTM3U
                #EXT-X-VERSION:9
                #EXT-X-TARGETDURATION:1
                #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.50000
                #EXT-X-PART-INF:PART-TARGET=0.50000
                #EXT-X-MEDIA-SEQUENCE:7
                #EXT-X-DISCONTINUITY-SEQUENCE:0
                #EXT-X-MAP:URI="header-7.mp4"
                #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z
                #EXT-X-PART:DURATION=0.50000,URI="part-7.0.m4s",INDEPENDENT=YES
                #EXT-X-PART:DURATION=0.50000,URI="part-7.1.m4s"
                #EXTINF:1.00000,
                segment-7.m4s
                #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:01.000Z
                #EXT-X-PART:DURATION=0.50000,URI="part-8.0.m4s",INDEPENDENT=YES
                #EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-8.1.m4s"

                """)
    }

    @Test func `a list for files has complete segments alone`() {
        let playlist = playlist(segments: 2)
        let lines = playlist.text(isLowLatency: false).split(separator: "\n")

        #expect(!lines.contains { $0.contains("PART") || $0.contains("CONTROL") })
        #expect(lines.filter { $0.hasSuffix(".m4s") } == ["segment-7.m4s"])
        #expect(playlist.plainFiles == [.header(segment: 7), .segment(7), .playlist])
    }

    @Test func `the window moves, and what left it can be had a little longer`() {
        let playlist = playlist(segments: 9)
        let text = playlist.text(isLowLatency: true)

        // Complete are 7 to 14; three are listed.
        #expect(text.contains("#EXT-X-MEDIA-SEQUENCE:12\n"))
        #expect(text.contains("segment-12.m4s") && !text.contains("segment-11.m4s"))
        #expect(playlist.bytes(of: .segment(9)) == [4, 5])
        #expect(playlist.bytes(of: .segment(8)) == nil)
        #expect(playlist.bytes(of: .header(segment: 7)) == [0xff], "all of them need it")
        #expect(playlist.bytes(of: .part(.init(segment: 15, part: 0))) == [16])
    }

    @Test(
        arguments: [
            (7, nil, true), (8, nil, false), (8, 0, true), (8, 1, false), (7, 1, true),
            (7, 5, true),
            (9, 0, false),
        ] as [(Int, Int?, Bool)])
    func `a request waits for exactly what is not there yet`(segment: Int, part: Int?, has: Bool) {
        #expect(playlist(segments: 2).has(segment: segment, part: part) == has)
    }

    @Test func `breaks are told, and counted when they have left the list`() {
        var playlist = playlist(segments: 1)
        playlist.begin(at: 9 * Self.second, header: [0xee], isBreak: true)
        playlist.add(part(50))
        let text = playlist.text(isLowLatency: true)

        #expect(
            text.contains(
                "segment-7.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"header-8.mp4\"\n"), "\(text)"
        )
        for number in 0..<4 {
            playlist.begin(at: Int64(10 + number) * Self.second, header: nil, isBreak: false)
            playlist.add(part(60))
        }
        #expect(playlist.text(isLowLatency: true).contains("#EXT-X-DISCONTINUITY-SEQUENCE:1\n"))
        #expect(playlist.text(isLowLatency: true).contains("header-8.mp4"))
    }

    @Test func `after the end nothing is hinted at`() {
        var playlist = playlist(segments: 2)
        playlist.end()

        for isLowLatency in [true, false] {
            let text = playlist.text(isLowLatency: isLowLatency)
            #expect(text.hasSuffix("segment-8.m4s\n#EXT-X-ENDLIST\n"), "\(text)")
        }
        #expect(playlist.has(segment: 9, part: 0), "nobody is to wait for what does not come")
    }

    @Test func `names of files are read back, and others are none`() {
        let files: [HLSPlaylist.File] = [
            .playlist, .header(segment: 3), .segment(12), .part(.init(segment: 12, part: 4)),
        ]

        for file in files { #expect(HLSPlaylist.File(file.name[...]) == file) }
        for name in [
            "", "part-1.m4s", "segment--1.m4s", "segment-99999999999999999999.m4s", "../key",
            "segment-\u{663}.m4s", "part-1.\u{663}.m4s", "header-\u{663}.mp4",
        ] {
            #expect(HLSPlaylist.File(name[...]) == nil)
        }
    }
}
