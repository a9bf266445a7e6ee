"""WHEP on 127.0.0.1: a viewer posts an SDP offer and gets the answer (draft-ietf-wish-whep)."""

import asyncio
import hmac
import os
import secrets

from aiohttp import web

from session import Session

FOLDER = os.path.dirname(os.path.abspath(__file__))
# The page loads nothing from elsewhere and is shown in no other page.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src blob: 'self'; frame-ancestors 'none'"


class Viewing:
    """The server, and the connections of its viewers."""

    CONNECTING = 15
    """Seconds that a viewer has from the answer to its connection."""

    def __init__(self, hub, options):
        self.hub, self.options = hub, options
        self.viewers = {}
        self.port = None
        self.fault = None

    async def run(self):
        """Serves until it is cancelled, as soon as the port is free: a node's second process starts
        before the first has ended."""
        app = web.Application(client_max_size=64 << 10, middlewares=[self.guard])
        app.add_routes([
            web.get("/", self.page), web.get("/page.js", self.script),
            web.get("/page.css", self.style), web.post("/whep", self.post),
            web.delete("/whep/{name}", self.delete)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            while self.port is None:
                try:
                    site = web.TCPSite(runner, "127.0.0.1", self.options.port)
                    await site.start()
                    self.port = site._server.sockets[0].getsockname()[1]
                except OSError as error:
                    await site.stop()
                    self.fault = f"port {self.options.port} of 127.0.0.1: {os.strerror(error.errno)}"
                    self.hub.warn_once(f"{self.fault}; it is tried again until it is free")
                    await asyncio.sleep(0.5)
            self.fault = None
            self.options.announce(self.port)
            await asyncio.Event().wait()
        finally:
            await asyncio.gather(*[self.release(name, "the node ended") for name in [*self.viewers]])
            await runner.cleanup()

    @property
    def count(self):
        """How many viewers are connected; for any thread."""
        return sum(session.is_sending for session in list(self.viewers.values()))

    @property
    def words(self):
        """What it does, for people."""
        if self.port is None:
            return self.fault or "starting"
        count = self.count
        return f"{count} {'viewer' if count == 1 else 'viewers'} at http://127.0.0.1:{self.port}/"

    # --- Who may do what

    @web.middleware
    async def guard(self, request, handler):
        names = {f"{host}:{self.port}" for host in ("127.0.0.1", "localhost", "[::1]")}
        names |= set(self.options.hosts)
        host = request.headers.get("Host", "").lower()
        origin = request.headers.get("Origin", "").lower()
        if host not in names:
            return self.refusal(421, f"this server is not called '{host}'; 'hosts' lists a proxy's names")
        if origin and request.method != "GET" and origin not in (f"http://{host}", f"https://{host}"):
            return self.refusal(403, f"a page of '{origin}' may not use this server")
        if request.path.split("/")[1] == "whep" and not self.has_token(request):
            refusal = self.refusal(401, "a token is needed: Authorization: Bearer …")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        try:
            return await handler(request)
        except web.HTTPException as error:
            return self.refusal(error.status, error.reason)

    def has_token(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        # A header may hold what is no text.
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(errors="replace"), self.options.token.encode())

    @staticmethod
    def refusal(status, text):
        return web.json_response({"error": text}, status=status)

    # --- What there is

    async def page(self, request):
        return self.file("page.html")

    async def script(self, request):
        return self.file("page.js")

    async def style(self, request):
        return self.file("page.css")

    @staticmethod
    def file(name):
        return web.FileResponse(f"{FOLDER}/{name}", headers={
            "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"})

    async def post(self, request):
        # Before the viewer counts, so that an offer that comes slowly takes no place.
        offer = (await request.read()).decode(errors="replace")
        if len(self.viewers) >= self.options.viewers:
            return self.refusal(503, f"no more than {self.options.viewers} may watch at once")
        if request.content_type != "application/sdp":
            return self.refusal(415, "an offer is of the type application/sdp")
        session = Session(self.hub, self.options.timeout, not self.options.network)
        name = secrets.token_urlsafe(16)
        self.viewers[name] = session
        self.hub.sessions.add(session)
        try:
            answer = await session.answer(offer)
        except BaseException as error:
            await self.release(name, "refused")
            if not isinstance(error, ValueError):
                raise
            return self.refusal(406 if "H.264" in str(error) else 400, str(error))
        asyncio.ensure_future(self.see_off(name, session))
        return web.Response(
            status=201, text=answer, content_type="application/sdp",
            headers={"Location": f"/whep/{name}"})

    async def delete(self, request):
        name = request.match_info["name"]
        if name not in self.viewers:
            return self.refusal(404, "no such viewer")
        await self.release(name, "it left")
        return web.Response()

    async def see_off(self, name, session):
        """Releases a viewer that does not connect, leaves, or is silent."""
        connected = asyncio.ensure_future(session.connected.wait())
        gone = asyncio.ensure_future(session.gone.wait())
        await asyncio.wait(
            [connected, gone], timeout=self.CONNECTING, return_when=asyncio.FIRST_COMPLETED)
        if not connected.done():
            session.end("it did not connect")
        await gone
        connected.cancel()
        await self.release(name, session.reason)

    async def release(self, name, reason):
        session = self.viewers.pop(name, None)
        if session:
            self.hub.sessions.discard(session)
            session.end(reason)
            await session.close()
