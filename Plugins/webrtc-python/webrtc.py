#!/usr/bin/env python3
"""Shows a compressed stream in browsers by WHEP, and publishes it by WHIP.

Packets of a `live-encoder` go out as they are: nothing is compressed again but sound, which browsers
take as Opus. Needs what requirements.txt beside this file lists. docs/streaming.md says how it is used.
"""

import asyncio
import collections
import concurrent.futures
import logging
import os
import secrets
import sys
import threading
import time
import types
from urllib.parse import urlsplit

# The protocol is that of the worked example beside this folder. A plugin that is to go elsewhere
# takes a copy of that file along.
FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, "..", "grayscale-python"))

try:
    import grayscale as host
    import zmq

    from film_packet import FilmPacket
    from hub import Hub
    from publishing import Publishing, is_loopback
    from viewing import Viewing
except ImportError as error:
    sys.exit(f"{error}: pip install -r Plugins/requirements.txt -r {FOLDER}/requirements.txt")


def first_line(path, setting):
    """The first line of a file with a secret; None without a file."""
    if path in (None, "/dev/null"):
        return None
    with open(path, errors="replace") as file:
        line = file.readline(4096).strip()
    if not line:
        raise ValueError(f"{setting} {path} is empty: its first line has to be the secret")
    return line


class Node(host.Node):
    """Takes packets from the graph's thread, and sends them from a thread of its own.

    It waits for nothing at the other end of a connection, so no graph waits for that either.
    """

    def __init__(self, settings):
        url = settings.get("url")
        if url and urlsplit(url).scheme not in ("https", "http"):
            raise ValueError("url: WHIP goes to an address that begins with https:// or http://")
        token = first_line(settings.get("token-file"), "token-file")
        self.options = types.SimpleNamespace(
            viewers=int(settings["viewers"]), port=int(settings["port"]),
            network=settings["network"], timeout=settings["timeout"], url=url,
            token=token or secrets.token_hex(16), announce=lambda port: self.announce(port, token),
            hosts=[name.strip().lower() for name in settings.get("hosts", "").split(",") if name.strip()],
            key=first_line(settings.get("key-file"), "key-file"))
        # Texts for people, from the event loop's thread to the graph's.
        self.warnings = collections.deque()
        self.hub = Hub(self.warnings.append)
        if self.options.key and urlsplit(url or "").scheme == "http" and not is_loopback(url):
            self.warnings.append("the key of key-file is sent unencrypted: url begins with http://")
        self.viewing = Viewing(self.hub, self.options) if self.options.viewers else None
        self.publishing = Publishing(self.hub, self.options) if url else None
        self.age, self.measured = 0.0, (time.monotonic(), 0)
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

    def update(self, settings):
        """None of its settings is live."""

    def process(self, inputs):
        try:
            packet = FilmPacket.decoded(inputs["packet"])
        except ValueError as error:
            self.hub.warn_once(str(error))
            return host.Dropped("it is no packet of a 'live-encoder'")
        self.loop.call_soon_threadsafe(self.hub.take, packet)
        if self.publishing and not self.publishing.is_sending and not self.hub.sending:
            return host.Dropped("there was no connection")

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

    @property
    def words(self):
        parts = [part for part in (self.viewing, self.publishing) if part]
        return "; ".join(part.words for part in parts) or "neither viewers nor a url"

    @property
    def figures(self):
        now, (then, bytes) = time.monotonic(), self.measured
        if now - then > 1:
            self.rate = (self.hub.bytes - bytes) * 8e-3 / (now - then)
            self.measured = now, self.hub.bytes
        found = {
            "viewers": self.viewing.count if self.viewing else 0,
            "sent_pictures": self.hub.sent_count, "sent_kbit_s": self.rate, "sent_age_ms": self.age}
        if self.publishing:
            found["connections"] = self.publishing.connections
        return found


class Host(host.Host):
    """The life of a node, and what this one has to say meanwhile."""

    def tick(self):
        if self.node:
            while self.node.warnings:
                self.say("warning", text=self.node.warnings.popleft())
            if self.inputs and self.is_running and self.node.hub.key_is_due():
                self.ask_for_key()
        return super().tick()

    def process(self, inputs, is_frame):
        captured = inputs[0].waiting[0][0].stamp.captured
        super().process(inputs, is_frame)
        self.node.age = (time.monotonic_ns() - captured) / 1e6

    def ask_for_key(self):
        """Joins the encoder's consumers for a moment: the next picture is a key picture for one that
        comes, as for any that only looks on."""
        edge = self.configuration["inputs"][0]
        socket = self.context.socket(zmq.DEALER)
        port = edge["from"].split(".")[1]
        socket.setsockopt(zmq.IDENTITY, f"tap.{port}.key-{time.monotonic_ns()}".encode())
        socket.setsockopt(zmq.LINGER, 1000)
        socket.connect(self.inputs[0].endpoint)
        connection = host.NO_STAMP._replace(frame=time.monotonic_ns() | 1)
        socket.send(host.Header(host.HELLO, connection, count=1).encoded())
        socket.send(host.Header(host.BYE, connection).encoded())
        socket.close()

    def report(self, is_last=True):
        own = {"state": self.node.words, "figures": self.node.figures} if self.node else {}
        return {**super().report(is_last), **own}


def main():
    # aiortc's own lines say nothing to the user of a graph.
    logging.basicConfig(level=logging.ERROR)
    host.Node, host.Host = Node, Host
    host.main()


if __name__ == "__main__":
    main()
