"""WHIP: the stream is offered to a server by HTTP, and sent to it by WebRTC (RFC 9725)."""

import asyncio
import os
import random
import re
import time
from urllib.parse import urljoin, urlsplit

import aiohttp

from session import Session


class Refused(Exception):
    """Why a server does not take the stream, in words for people."""


class Publishing:
    """Connects to a server, again and again whenever that breaks; the pauses are those of `stream-out`."""

    PAUSES = 0.5, 30
    HOLDING = 10
    """A connection that breaks within so many seconds counts as a try that failed."""

    def __init__(self, hub, options):
        self.hub, self.options = hub, options
        parts = urlsplit(options.url)
        self.shown = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/…"
        self.session = self.resource = None
        self.connections, self.tries = 0, 1
        self.lost = self.since = self.until = time.monotonic()
        self.reason, self.has_warned = None, False

    async def run(self):
        """Publishes until it is cancelled."""
        async with aiohttp.ClientSession(trust_env=True) as client:
            try:
                while True:
                    try:
                        reason = await self.publish(client)
                    except Exception as error:
                        reason = self.words_of(error)
                    session = self.session
                    had_held = session is not None and session.seconds_connected >= self.HOLDING
                    await self.leave(client)
                    await self.pause(reason, had_held)
            finally:
                await self.leave(client)

    async def pause(self, reason, had_held):
        now = time.monotonic()
        if had_held:
            self.lost, self.tries = now, 0
        self.tries += 1
        self.reason = reason
        if not self.has_warned or had_held:
            self.hub.warn(f"{self.shown}: {reason}; it is tried again")
        self.has_warned = True
        low, high = self.PAUSES
        pause = min(max((now - self.lost) / 8, low), high) * random.uniform(0.8, 1.2)
        self.until = now + min(max(pause, low), high)
        await asyncio.sleep(self.until - now)
        self.reason = None

    @property
    def is_sending(self):
        session = self.session  # the graph's thread asks, too
        return session is not None and session.is_sending

    async def publish(self, client):
        """One connection, from the offer to its end; why it ended."""
        self.session = session = Session(
            self.hub, self.options.timeout, is_loopback(self.options.url))
        self.hub.sessions.add(session)
        offer = await session.offer()
        timeout = aiohttp.ClientTimeout(total=self.options.timeout)
        async with client.post(
                self.options.url, data=offer, headers=self.headers(self.options.url)
                | {"Content-Type": "application/sdp"}, timeout=timeout) as reply:
            if reply.status != 201:
                raise Refused(f"{reply.status} {reply.reason}")
            if "Location" in reply.headers:
                self.resource = urljoin(str(reply.url), reply.headers["Location"])
            answer = b""
            # It comes in pieces, and a server of something else may send pieces without end.
            while len(answer) < 64 << 10 and (piece := await reply.content.read(64 << 10)):
                answer += piece
        await session.take_answer(answer.decode(errors="replace"))
        await self.wait_for(session.connected, session)
        self.connections += 1
        self.since = time.monotonic()
        await session.gone.wait()
        return session.reason

    async def wait_for(self, event, session):
        waits = [asyncio.ensure_future(e.wait()) for e in (event, session.gone)]
        done, rest = await asyncio.wait(
            waits, timeout=self.options.timeout, return_when=asyncio.FIRST_COMPLETED)
        for wait in rest:
            wait.cancel()
        if session.gone.is_set():
            raise Refused(session.reason)
        if not done:
            raise Refused(f"it answered, but no connection was made in {self.options.timeout:g} s")

    def headers(self, url):
        """The key goes to the server that it is for, and to no other."""
        if not self.options.key or urlsplit(url)[:2] != urlsplit(self.options.url)[:2]:
            return {}
        return {"Authorization": f"Bearer {self.options.key}"}

    async def leave(self, client):
        """Lets go of the connection, and tells the server so."""
        session, self.session = self.session, None
        resource, self.resource = self.resource, None
        if session:
            self.hub.sessions.discard(session)
            await session.close()
        if resource:
            try:
                timeout = aiohttp.ClientTimeout(total=1)
                async with client.delete(resource, headers=self.headers(resource), timeout=timeout):
                    pass
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass  # it is gone already

    def words_of(self, error):
        """An error without the address's secrets."""
        if isinstance(error, (Refused, ValueError)) and not isinstance(error, aiohttp.ClientError):
            return str(error)
        if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
            return f"nothing was answered for {self.options.timeout:g} s"
        number = getattr(getattr(error, "os_error", error), "errno", None)
        # The numbers of TLS's errors are its own.
        if number and number > 0 and not isinstance(error, aiohttp.ClientSSLError):
            return os.strerror(number)
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return "no such host"
        text = re.sub(r"https?://\S+", self.shown, str(error) or type(error).__name__)
        return text.replace(self.options.key, "…") if self.options.key else text

    @property
    def words(self):
        """What it does, for people."""
        now = time.monotonic()
        if self.is_sending:
            again = f", {ordinal(self.connections)} connection" if self.connections > 1 else ""
            return f"sending to {self.shown} for {seconds(now - self.since)}{again}"
        attempt = f", {ordinal(self.tries)} try" if self.tries > 1 or self.reason else ""
        pause = f", in {seconds(max(self.until - now, 0))}: {self.reason}" if self.reason else ""
        return f"connecting to {self.shown}{attempt}{pause}"


def is_loopback(url):
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def seconds(duration):
    return f"{duration:.1f} s" if duration < 10 else f"{duration:.0f} s"


def ordinal(number):
    """`third`, `22nd`."""
    words = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
    if number <= len(words):
        return words[number - 1]
    is_teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
