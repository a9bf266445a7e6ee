"""What a connection sends: packets that are compressed already, one track of pictures and one of sound."""

import asyncio
import collections
import fractions

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

NANOSECONDS = 1_000_000_000


class PacketTrack(MediaStreamTrack):
    """A track whose packets are ready to be sent: aiortc cuts them into RTP and encodes nothing."""

    rate = 0
    """Ticks of RTP's clock a second."""

    def __init__(self):
        super().__init__()
        self.waiting, self.has_come = collections.deque(), asyncio.Event()
        # The time in ns of the packet that aiortc took last; of the stream, not of the day.
        self.sent = None

    def put(self, ticks, data):
        self.waiting.append((ticks, data))
        self.has_come.set()

    @property
    def seconds_waiting(self):
        return (self.waiting[-1][0] - self.waiting[0][0]) / self.rate if self.waiting else 0

    async def recv(self):
        while not self.waiting:
            if self.readyState != "live":
                raise MediaStreamError
            self.has_come.clear()
            await self.has_come.wait()
        ticks, data = self.waiting.popleft()
        packet = av.Packet(data)
        packet.pts, packet.time_base = ticks, fractions.Fraction(1, self.rate)
        self.sent = ticks * NANOSECONDS // self.rate
        return packet

    def stop(self):
        super().stop()
        self.has_come.set()


class PictureTrack(PacketTrack):
    """H.264, from a picture at which a decoder can begin."""

    kind, rate = "video", 90000  # RFC 6184, section 8.2.1
    MOST_WAITING = 2
    """Seconds of pictures that may wait; more says that the event loop does not keep up."""

    def __init__(self):
        super().__init__()
        self.waits_for_key = True

    def offer(self, packet, shift):
        """Takes a picture, or drops it; whether it was taken."""
        if self.seconds_waiting > self.MOST_WAITING:
            self.waiting.clear()
            self.waits_for_key = True
        self.waits_for_key = self.waits_for_key and not packet.is_key
        if self.waits_for_key:
            return False
        self.put((packet.presentation + shift) * self.rate // NANOSECONDS, packet.picture)
        return True


class SoundTrack(PacketTrack):
    """Opus."""

    kind, rate = "audio", 48000

    def offer(self, ticks, data):
        if self.seconds_waiting > 1:
            self.waiting.clear()
        self.put(ticks, data)
