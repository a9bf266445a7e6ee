"""The packets of a `live-encoder`, as docs/streaming.md has them: one picture with the sound of its time."""

import dataclasses
import fractions
import struct

KEY, REPEATED, LABELLED, HAS_SOUND = 1, 2, 4, 8


class Reader:
    """Takes little-endian numbers and texts from bytes, and never reads past their end."""

    def __init__(self, data):
        self.data, self.place = memoryview(data), 0

    def take(self, form):
        size = struct.calcsize("<" + form)
        if self.place + size > len(self.data):
            raise ValueError(f"a packet ends {self.place + size - len(self.data)} bytes too early")
        values = struct.unpack_from("<" + form, self.data, self.place)
        self.place += size
        return values if len(values) > 1 else values[0]

    def take_bytes(self):
        count = self.take("I")
        if self.place + count > len(self.data):
            raise ValueError(f"a packet ends {self.place + count - len(self.data)} bytes too early")
        self.place += count
        return bytes(self.data[self.place - count:self.place])

    def take_text(self):
        return self.take_bytes().decode()


@dataclasses.dataclass
class AudioPacket:
    """One packet of compressed sound. Times are in `time_base` seconds, from the start of the stream."""

    codec: str
    layout: str
    sample_rate: int
    header: bytes
    time_base: fractions.Fraction
    presentation: int
    duration: int
    data: bytes

    @staticmethod
    def decoded(data):
        reader = Reader(data)
        if reader.take("I") != 0x50414C50 or reader.take("H") != 1:
            raise ValueError("a packet of sound does not begin with PLAP and version 1")
        codec, layout = reader.take_text(), reader.take_text()
        sample_rate, _, _, _, _, _, _, _, _ = reader.take("iiiiiqiii")
        header = reader.take_bytes()
        numerator, denominator, presentation, duration, _, _, _ = reader.take("iiqqiII")
        if numerator <= 0 or denominator <= 0:
            raise ValueError(f"a packet of sound has the time base {numerator}/{denominator}")
        return AudioPacket(
            codec, layout, sample_rate, header, fractions.Fraction(numerator, denominator),
            presentation, duration, reader.take_bytes())


@dataclasses.dataclass
class FilmPacket:
    """One compressed picture and the sound of its time; times in nanoseconds."""

    flags: int
    stream: int
    sequence: int
    presentation: int
    duration: int
    width: int
    height: int
    codec: str
    picture: bytes
    sounds: list

    @property
    def is_key(self):
        """Whether a decoder can begin here."""
        return bool(self.flags & KEY)

    @staticmethod
    def decoded(data):
        """Reads the byte form; ValueError says what is wrong with it."""
        reader = Reader(data)
        if reader.take("I") != 0x50464C50 or reader.take("H") != 1:
            raise ValueError("a packet does not begin with PLFP and version 1")
        flags, stream, sequence, presentation, duration, width, height = reader.take("HIQqqHH")
        codec, _, picture = reader.take_text(), reader.take_bytes(), reader.take_bytes()
        sounds = [reader.take_bytes() for _ in range(min(reader.take("I"), 4096))]
        return FilmPacket(
            flags, stream, sequence, presentation, duration, width, height, codec, picture,
            [AudioPacket.decoded(sound) for sound in sounds])
