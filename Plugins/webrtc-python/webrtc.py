"""Shows a compressed stream in browsers by WHEP, and publishes it by WHIP.

Packets of a `live-encoder` go out as they are: nothing is compressed again but sound, which browsers
take as Opus. Needs what requirements.txt beside this file lists. docs/streaming.md says how it is used.
"""

import asyncio
import collections
import concurrent.futures
import logging
import secrets
import threading
import time
import types
from urllib.parse import urlsplit

from film_packet import FilmPacket
from hub import Hub
from personalive import Dropped, begin_anew, figure, node, stamp, status, warn
from publishing import Publishing, is_loopback
from viewing import Viewing

# aiortc's own lines say nothing to the user of a graph.
logging.basicConfig(level=logging.ERROR)


def first_line(path, setting):
    """The first line of a file with a secret; None without a file."""
    if path in (None, "/dev/null"):
        return None
    with open(path, errors="replace") as file:
        line = file.readline(4096).strip()
    if not line:
        raise ValueError(f"{setting} {path} is empty: its first line has to be the secret")
    return line


@node
class WebRTCOut:
    """Takes packets from the graph's thread, and sends them from a thread of its own.

    It waits for nothing at the other end of a connection, so no graph waits for that either.
    """

    def __init__(self, **settings):
        url = settings.get("url")
        if url and urlsplit(url).scheme not in ("https", "http"):
            raise ValueError("url: WHIP goes to an address that begins with https:// or http://")
        token = first_line(settings.get("token_file"), "token-file")
        self.options = types.SimpleNamespace(
            viewers=int(settings["viewers"]), port=int(settings["port"]),
            network=settings["network"], timeout=settings["timeout"], url=url,
            token=token or secrets.token_hex(16), announce=lambda port: self.announce(port, token),
            hosts=[name.strip().lower() for name in settings.get("hosts", "").split(",") if name.strip()],
            key=first_line(settings.get("key_file"), "key-file"))
        # Texts for people, from the event loop's thread to the graph's.
        self.warnings = collections.deque()
        self.hub = Hub(self.warnings.append)
        if self.options.key and urlsplit(url or "").scheme == "http" and not is_loopback(url):
            self.warnings.append("the key of key-file is sent unencrypted: url begins with http://")
        self.viewing = Viewing(self.hub, self.options) if self.options.viewers else None
        self.publishing = Publishing(self.hub, self.options) if url else None
        self.measured = time.monotonic(), 0
        self.rate = 0.0
        self.loop, self.tasks = asyncio.new_event_loop(), []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def announce(self, port, has_own_token):
        """Says where to watch; a token that the user has chosen is not repeated."""
        fragment = "" if has_own_token else f"#t={self.options.token}"
        print(f"watch at http://127.0.0.1:{port}/{fragment}", flush=True)

    def run(self):
        asyncio.set_event_loop(self.loop)
        # What goes wrong with one connection in a task of aiortc's own ends that connection only.
        self.loop.set_exception_handler(lambda _, context: self.hub.warn_once(
            f"{context['message']}: {context.get('exception')!r}"))
        parts = [part for part in (self.viewing, self.publishing) if part]
        self.tasks = [self.loop.create_task(part.run()) for part in parts]
        for task in self.tasks:
            task.add_done_callback(self.note_end)
        self.loop.run_forever()

    def note_end(self, task):
        if not task.cancelled() and task.exception():
            error = task.exception()
            self.warnings.append(f"{type(error).__name__}: {error}")

    def __call__(self, packet):
        while self.warnings:
            warn(self.warnings.popleft())
        if self.hub.key_is_due():
            begin_anew("packet")
        try:
            packet = FilmPacket.decoded(packet)
        except ValueError as error:
            self.hub.warn_once(str(error))
            return Dropped("it is no packet of a 'live-encoder'")
        self.loop.call_soon_threadsafe(self.hub.take, packet)
        self.report()
        if self.publishing and not self.publishing.is_sending and not self.hub.sending:
            return Dropped("there was no connection")

    def finish(self):
        """Tells viewers and the server that it is over; two seconds at most."""
        async def stop():
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.loop.is_running():
            try:
                asyncio.run_coroutine_threadsafe(stop(), self.loop).result(timeout=2)
            except concurrent.futures.TimeoutError:
                pass
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(timeout=1)

    def report(self):
        """Says what becomes of the packets, for status and metrics."""
        parts = [part for part in (self.viewing, self.publishing) if part]
        status("; ".join(part.words for part in parts) or "neither viewers nor a url")
        now, (then, bytes) = time.monotonic(), self.measured
        if now - then > 1:
            self.rate = (self.hub.bytes - bytes) * 8e-3 / (now - then)
            self.measured = now, self.hub.bytes
        figure("viewers", self.viewing.count if self.viewing else 0)
        figure("sent_pictures", self.hub.sent_count)
        figure("sent_kbit_s", self.rate)
        figure("sent_age_ms", (time.monotonic_ns() - stamp().captured) / 1e6)
        if self.publishing:
            figure("connections", self.publishing.connections)
