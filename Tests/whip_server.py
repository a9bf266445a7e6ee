# A WHIP server for tests, on aiortc: it takes what is published to it and decodes it. It prints one JSON
# object a line: {"port": …} once, then {"pictures": …, "sounds": …, "key": …} whenever ten more pictures
# were decoded, and {"left": true} when a publisher says that it leaves.
#
#   whip_server.py PORT [TOKEN]
import asyncio
import json
import sys

from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

counts = {"pictures": 0, "sounds": 0}
connections = []


def say(**words):
    print(json.dumps(words), flush=True)


async def take(track):
    try:
        while True:
            frame = await track.recv()
            name = "pictures" if track.kind == "video" else "sounds"
            counts[name] += 1
            if name == "pictures" and counts[name] % 10 == 0:
                say(width=frame.width, height=frame.height, **counts)
    except MediaStreamError:
        pass


async def publish(request):
    token = sys.argv[2] if len(sys.argv) > 2 else None
    if token and request.headers.get("Authorization") != f"Bearer {token}":
        return web.Response(status=401)
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connections.append(connection)
    connection.on("track", lambda track: asyncio.ensure_future(take(track)))
    await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return web.Response(
        status=201, text=connection.localDescription.sdp, content_type="application/sdp",
        headers={"Location": f"/whip/{len(connections) - 1}"})


async def leave(request):
    await connections[int(request.match_info["number"])].close()
    say(left=True)
    return web.Response()


async def main():
    app = web.Application()
    app.add_routes([web.post("/whip/{name}", publish), web.delete("/whip/{number}", leave)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", int(sys.argv[1]))
    await site.start()
    say(port=site._server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


asyncio.run(main())
