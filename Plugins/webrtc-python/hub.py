"""Hands the packets of one encoder to all connections."""

import time

import av

from session import ntp_after, ntp_now
from sound_encoder import SoundEncoder


class Hub:
    """What comes from the graph, for all that are connected.

    It is the event loop's; the graph's thread may call `key_is_due`, `sending` and `warn_once`.
    """

    KEY_INTERVAL = 0.5
    """Seconds between two key pictures that are asked for: each costs as much as several others."""

    def __init__(self, warn):
        self.warn = warn
        self.sessions = set()
        self.sound = SoundEncoder()
        self.last = None
        # What is added to the encoder's times, so that they go on when it begins anew; ns.
        self.shift = 0
        self.start = None
        self.wants_key, self.asked = False, 0.0
        self.sent_count = self.bytes = 0
        self.faults = set()

    @property
    def sending(self):
        return [session for session in list(self.sessions) if session.is_sending]

    def ask_for_key(self):
        self.wants_key = True

    def key_is_due(self):
        """Whether the encoder is to be asked for a key picture now. For the graph's thread."""
        now = time.monotonic()
        if not self.wants_key or now - self.asked < self.KEY_INTERVAL:
            return False
        self.wants_key, self.asked = False, now
        return True

    def ntp_time(self, nanoseconds):
        """The time of day, as RTCP has it, of a time in the stream."""
        return ntp_after(self.start, nanoseconds)

    def take(self, packet):
        """One packet of the graph."""
        self.follow(packet)
        if packet.codec != "h264":
            return self.warn_once(f"pictures are '{packet.codec}': browsers are sent H.264 only")
        sending = self.sending
        if not sending:
            return
        sounds = []
        for sound in packet.sounds:
            try:
                sounds += self.sound.encode(sound, self.shift)
            except (av.FFmpegError, ValueError) as error:
                self.warn_once(f"sound that cannot be sent: {error}")
        taken = [session.send(packet, self.shift, sounds) for session in sending]
        if packet.is_key:
            self.wants_key = False
        if any(taken):
            self.sent_count += 1
            self.bytes += len(packet.picture) + sum(len(data) for _, data in sounds)

    def follow(self, packet):
        """Sees gaps, and keeps one time line over all encoders."""
        last, self.last = self.last, packet
        if last is None:
            self.start = ntp_now() - ntp_after(0, packet.presentation)
            return
        moved = packet.presentation - last.presentation
        if not 0 < moved < 10_000_000_000:
            self.shift += last.presentation + max(last.duration, 1_000_000) - packet.presentation
        is_next = packet.stream == last.stream and packet.sequence == last.sequence + 1
        if not is_next and not packet.is_key:
            for session in self.sessions:
                session.pictures.waits_for_key = True
            self.ask_for_key()

    def warn_once(self, text):
        # Texts have numbers in them: a stream of rubbish is no stream of warnings.
        if text not in self.faults and len(self.faults) < 20:
            self.faults.add(text)
            self.warn(text)
