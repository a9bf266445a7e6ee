"""One WebRTC connection that sends the stream: to a viewer, or to a server that it is published to."""

import asyncio
import contextvars
import re
import time

import aioice.ice
from aiortc import (
    RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, clock, rtp)
from aiortc.rtcdtlstransport import RTCDtlsTransport

from tracks import NANOSECONDS, PictureTrack, SoundTrack

# aiortc cannot be told which addresses to use: it asks this function of aioice for all but 127.0.0.1.
LOOPBACK_ONLY = contextvars.ContextVar("LOOPBACK_ONLY", default=True)
every_address = aioice.ice.get_host_addresses
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: (
    ["127.0.0.1"] if LOOPBACK_ONLY.get() else every_address(use_ipv4, use_ipv6))

# What is replaced in aiortc's objects below, since it offers no other way: requirements.txt says of which
# versions this is known.
for owner, name in [
        (RTCRtpSender, "_send_keyframe"), (RTCRtpSender, "_send_rtcp"),
        (RTCDtlsTransport, "_handle_rtcp_data"), (aioice.ice, "get_host_addresses")]:
    if not hasattr(owner, name):
        raise ImportError(
            f"this aiortc has no '{name}': pip install -r Plugins/webrtc-python/requirements.txt")


class Session:
    """Sends pictures and sound over one connection, as they are; ``gone`` is set when it is over."""

    SILENCE = 1
    """Seconds from a connection to its first sound. Chromium begins to play sound only after a while, and
    what has come by then stays behind its pictures for long: it began 250 ms late so, 70 ms otherwise."""

    def __init__(self, hub, timeout, loopback_only):
        self.hub, self.timeout = hub, timeout
        LOOPBACK_ONLY.set(loopback_only)
        self.loopback_only = loopback_only
        # Without servers of its own aiortc asks one of the internet for this machine's address.
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.on("connectionstatechange", self.on_state)
        self.pictures, self.sound = PictureTrack(), SoundTrack()
        self.connected, self.gone = asyncio.Event(), asyncio.Event()
        self.reason = None
        self.watching = None
        # When the peer was last heard, when pictures came again after a pause, when the last one came, and
        # when the connection was made.
        self.heard = self.resumed = self.offered = self.begun = time.monotonic()

    @property
    def is_sending(self):
        return self.connected.is_set() and not self.gone.is_set()

    @property
    def seconds_connected(self):
        """How long ago the connection was made; 0 when none was."""
        return time.monotonic() - self.begun if self.connected.is_set() else 0

    def add(self, kind):
        """A track of the stream; before descriptions are exchanged."""
        track = self.pictures if kind == "video" else self.sound
        transceiver = self.connection.addTransceiver(track, direction="sendonly")
        wanted = "video/H264" if kind == "video" else "audio/opus"
        # Before the other side's description is set: what comes later changes nothing.
        transceiver.setCodecPreferences([
            codec for codec in RTCRtpSender.getCapabilities(kind).codecs
            if codec.mimeType in (wanted, "video/rtx")])
        self.change(transceiver.sender)

    def change(self, sender):
        """Asks the encoder for a key picture when the peer does, and says when a packet's time was.

        aiortc takes the time of sending for that of capture. Sound is sent with the first picture after
        it, so pictures would be shown up to a packet of sound too early.
        """
        sender._send_keyframe = self.hub.ask_for_key
        send = sender._send_rtcp

        async def send_dated(packets):
            for packet in packets:
                sent = sender.track.sent if sender.track else None
                if isinstance(packet, rtp.RtcpSrPacket) and sent is not None:
                    packet.sender_info.ntp_timestamp = self.hub.ntp_time(sent)
            await send(packets)

        sender._send_rtcp = send_dated

    async def answer(self, offer):
        """The answer to a viewer's offer; ValueError says why there is none."""
        if not re.search(r"^m=video .*^a=rtpmap:\d+ H264/90000", offer, re.M | re.I | re.S):
            raise ValueError("the offer has no H.264, and that is what is sent")
        for kind in ("video", "audio"):
            if re.search(rf"^m={kind} ", offer, re.M):
                self.add(kind)
        if self.loopback_only:
            # Names that a browser hides its addresses behind: it is met at the address that it calls from.
            offer = re.sub(r"^a=candidate:.*\.local .*\r?\n", "", offer, flags=re.M)
        try:
            await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await self.connection.setLocalDescription(await self.connection.createAnswer())
        except Exception as error:  # aiortc's parser has no error of its own
            raise ValueError(f"the offer cannot be read: {str(error) or type(error).__name__}")
        return self.connection.localDescription.sdp

    async def offer(self):
        """An offer to a server that takes the stream."""
        for kind in ("video", "audio"):
            self.add(kind)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def take_answer(self, answer):
        try:
            await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except Exception as error:
            raise ValueError(f"its answer cannot be read: {str(error) or type(error).__name__}")

    def on_state(self):
        state = self.connection.connectionState
        if state == "connected" and not self.connected.is_set():
            self.connected.set()
            self.heard = self.resumed = self.begun = time.monotonic()
            for transceiver in self.connection.getTransceivers():
                self.hear(transceiver.sender.transport)
            self.watching = asyncio.ensure_future(self.watch())
            self.hub.ask_for_key()
        elif state in ("failed", "closed"):
            self.end("the connection ended" if self.connected.is_set() else "no connection was made")

    def hear(self, transport):
        """Notes that the peer has said something of what it gets."""
        if getattr(transport, "is_heard", False):
            return
        transport.is_heard = True
        handle = transport._handle_rtcp_data

        async def handle_noted(data):
            self.heard = time.monotonic()
            await handle(data)

        transport._handle_rtcp_data = handle_noted

    async def watch(self):
        """Ends it when the peer is silent while it is sent to: ICE itself takes half a minute for that."""
        while not self.gone.is_set():
            await asyncio.sleep(0.25)
            now = time.monotonic()
            if now - self.offered < 1 and now - max(self.heard, self.resumed) > self.timeout:
                self.end(f"nothing was answered for {self.timeout:g} s")

    def end(self, reason):
        """It is over; the owner calls ``close`` then."""
        self.reason = self.reason or reason
        self.gone.set()

    async def close(self):
        self.end("it was closed")
        if self.watching:
            self.watching.cancel()
        self.pictures.stop()
        self.sound.stop()
        await self.connection.close()

    def send(self, packet, shift, sounds):
        """A picture, and sound as pairs of a time and bytes; whether the picture goes out."""
        now = time.monotonic()
        if now - self.offered > 1:
            self.resumed = now
        self.offered = now
        if not self.is_sending:
            return False
        for ticks, data in sounds if now - self.begun > self.SILENCE else ():
            self.sound.offer(ticks, data)
        return self.pictures.offer(packet, shift)


def ntp_now():
    """The time of day as RTCP has it: seconds since 1900 in 32.32 bits (RFC 3550, section 4)."""
    return clock.current_ntp_time()


def ntp_after(start, nanoseconds):
    """``nanoseconds`` later, or earlier, than that."""
    return start + (nanoseconds << 32) // NANOSECONDS
