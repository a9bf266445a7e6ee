import NodeKit

/// The nodes that come with the tool.
package enum BuiltinKinds {
    /// One type a line, in the order in which a frame meets them.
    package static var kinds: [any Node.Type] {
        [
            ImageFileNode.self,
            VideoFileNode.self,
            PicturesNode.self,
            AudioFileNode.self,
            CameraNode.self,
            BrowserCameraNode.self,
            MicrophoneNode.self,
            TimerNode.self,
            ReplayNode.self,
            SelectNode.self,
            ScaleNode.self,
            CropNode.self,
            FaceCropNode.self,
            KeypointExtractorNode.self,
            MotionEncoderNode.self,
            MotionMixerNode.self,
            MeshMixerNode.self,
            DenoiserNode.self,
            VAEDecoderNode.self,
            TinyEncoderNode.self,
            TinyDecoderNode.self,
            FaceWarpNode.self,
            PasteBackNode.self,
            EitherNode.self,
            SideBySideNode.self,
            GridNode.self,
            OverlayNode.self,
            TextNode.self,
            CompareNode.self,
            VideoEncoderNode.self,
            SavePicturesNode.self,
            AudioEncoderNode.self,
            RecordNode.self,
            LiveEncoderNode.self,
            StreamOutNode.self,
            HLSOutNode.self,
            MJPEGOutNode.self,
            VirtualCameraNode.self,
            PreviewNode.self,
            SoundDelayNode.self,
            FrameListNode.self,
            ViewerNode.self,
            TestSourceNode.self,
            TestStageNode.self,
            TestDelayNode.self,
            TestForkNode.self,
            TestJoinNode.self,
            TestSinkNode.self,
        ]
    }

    package static var specs: [NodeSpec] { kinds.map { $0.spec } }

    /// A kind whose ports depend on the file that it is given; nil for all others.
    package static func spec(of kind: String, file: String) -> NodeSpec? {
        kind == ReplayNode.spec.kind ? ReplayNode.spec(of: file) : nil
    }

    /// The node of a kind, or of one that no file can name: what `replicas:` puts behind processes.
    package static func make(kind: String) -> (any Node.Type)? {
        kind == MergeNode.spec.kind ? MergeNode.self : kinds.first { $0.spec.kind == kind }
    }
}
