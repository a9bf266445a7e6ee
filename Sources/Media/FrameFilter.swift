import CAvfilter
import CFFmpeg

/// Sends frames through a chain of libavfilter's filters: deinterlacing, tone mapping.
///
/// The chain is made for frames of one size and format. Times come out as they went in.
final class FrameFilter {
    /// All that a chain depends on.
    struct Plan: Equatable {
        let width, height, format: Int32
        let chain: String

        init(_ frame: AVFrame, chain: String) {
            (width, height, format) = (frame.width, frame.height, frame.format)
            self.chain = chain
        }
    }

    let plan: Plan
    private let chain: OpaquePointer

    /// Makes the chain.
    ///
    /// - Throws: ``MediaError/failed(call:argument:reason:)`` with libavfilter's reason.
    init(_ plan: Plan) throws(MediaError) {
        var message = [CChar](repeating: 0, count: 256)
        let source =
            "video_size=\(plan.width)x\(plan.height):pix_fmt=\(plan.format)"
            + ":time_base=1/1000000000:pixel_aspect=1/1"
        guard let chain = filter_chain_open(source, plan.chain, &message, message.count) else {
            throw .failed(
                call: "avfilter_graph_config", argument: plan.chain,
                reason: message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
        }
        self.plan = plan
        self.chain = chain
    }

    deinit { filter_chain_close(chain) }

    /// Gives the chain a picture, or nil to make it hand out what it holds back.
    ///
    /// - Returns: FFmpeg's code.
    func send(_ picture: TimedPicture?) -> Int32 {
        guard let picture else { return filter_chain_send(chain, nil) }
        let frame = picture.picture.pointer
        frame.pointee.pts = picture.time ?? FF_NOPTS
        frame.pointee.pkt_duration = picture.duration
        // The chain takes what it is given away: it gets a reference of its own.
        let reference = Picture()
        av_frame_ref(reference.pointer, frame)
        return filter_chain_send(chain, reference.pointer)
    }

    /// The next picture that comes out, if there is one.
    ///
    /// - Throws: when the chain cannot treat what it was given.
    func receive() throws(MediaError) -> TimedPicture? {
        let picture = Picture()
        let code = filter_chain_receive(chain, picture.pointer)
        if code == FF_EAGAIN || code == FF_EOF { return nil }
        try FFmpeg.check(code, "av_buffersink_get_frame", plan.chain)
        var base = AVRational()
        filter_chain_time_base(chain, &base.num, &base.den)
        let ticks = picture.pointer.pointee.pts
        return TimedPicture(
            picture: picture,
            time: ticks == FF_NOPTS ? nil : av_rescale_q(ticks, base, .nanosecond),
            duration: max(picture.pointer.pointee.pkt_duration, 0))
    }
}
