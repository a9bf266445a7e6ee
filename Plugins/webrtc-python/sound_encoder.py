"""Sound for browsers: what comes as AAC goes out as Opus, compressed once for all viewers."""

import fractions

import av

RATE, SAMPLES = 48000, 960
"""Opus as WebRTC wants it: 48 kHz (RFC 7587), 20 ms a packet."""


class SoundEncoder:
    """Turns packets of sound into Opus: pairs of a time in samples of 48 kHz and bytes."""

    def __init__(self):
        self.decoder = self.format = None

    def encode(self, packet, shift):
        """What becomes of one packet, `shift` nanoseconds later: none, one or several of Opus.

        av.FFmpegError says that it cannot be decoded.
        """
        now = int(packet.presentation * packet.time_base * RATE)
        if self.is_new(packet) or abs(now - self.due) > RATE // 20:
            self.begin(packet)
        self.due = now + int(packet.duration * packet.time_base * RATE)
        compressed = av.Packet(packet.data)
        compressed.pts, compressed.time_base = packet.presentation, packet.time_base
        found = []
        for frame in self.decoder.decode(compressed):
            frame.pts, frame.time_base = packet.presentation, packet.time_base
            for even in self.resampler.resample(frame):
                found += self.encoder.encode(even)
        move = shift * RATE // 1_000_000_000
        return [(opus.pts + move, bytes(opus)) for opus in found]

    def is_new(self, packet):
        return self.format != (packet.codec, packet.layout, packet.sample_rate, packet.header)

    def begin(self, packet):
        """Forgets what came before: another format, or a gap of more than 50 ms."""
        self.decoder = av.CodecContext.create(packet.codec, "r")
        self.decoder.extradata = packet.header or None
        self.decoder.sample_rate, self.decoder.layout = packet.sample_rate, packet.layout
        # It also cuts sound into pieces of the length that Opus takes.
        self.resampler = av.AudioResampler("s16", "stereo", RATE, frame_size=SAMPLES)
        self.encoder = av.CodecContext.create("libopus", "w")
        self.encoder.sample_rate, self.encoder.layout = RATE, "stereo"
        self.encoder.format, self.encoder.bit_rate = "s16", 96000
        self.encoder.time_base = fractions.Fraction(1, RATE)
        # Last: of sound that there is no decoder for nothing is known, and the next packet says so again.
        self.format = (packet.codec, packet.layout, packet.sample_rate, packet.header)
