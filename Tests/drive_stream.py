# The way of pictures from a browser's camera to its canvas and to other viewers, measured from outside the
# page: each picture of the camera carries the time at which it was drawn as a barcode.
#
#   drive_stream.py ADDRESS OUTPUT SECONDS [--second-page] [--slow KBIT] [--rate 25]
import argparse
import asyncio
import base64
import json
import os
import socket
import statistics
import struct
import threading
import time
from urllib.parse import urlsplit

from playwright.async_api import async_playwright

from browser import CHROMIUM, try_files, until

# In place of the camera a canvas: a barcode of 24 bits, the page's time in tenths of a millisecond, in 8 columns
# and 3 rows, a row of its parity, and something that moves.
CAMERA = """(rate, noise) => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 512, height: 512}), pen = canvas.getContext('2d');
    let turn = 0;
    const draw = () => {
        const time = Math.round(performance.now() * 10) & 0xffffff, bits = [];
        for (let n = 0; n < 24; n++) bits.push((time >> n) & 1);
        for (let n = 0; n < 8; n++) bits.push(bits[n] ^ bits[8 + n] ^ bits[16 + n]);
        pen.fillStyle = '#456'; pen.fillRect(0, 0, 512, 512);
        pen.fillStyle = '#dca'; pen.beginPath(); pen.arc(256 + 150 * Math.cos(turn += .1), 128, 60, 0, 7); pen.fill();
        // What no encoder can make small.
        for (let n = 0; n < noise; n++) { pen.fillStyle = `hsl(${360 * Math.random()} 60% ${100 * Math.random()}%)`; pen.fillRect(512 * Math.random(), 248 * Math.random(), 24, 8); }
        bits.forEach((bit, n) => { pen.fillStyle = bit ? '#eee' : '#111'; pen.fillRect(64 * (n % 8), 256 + 64 * (n >> 3), 64, 64); });
    };
    draw();
    navigator.mediaDevices.getUserMedia = async () => { setInterval(draw, 1000 / rate); return canvas.captureStream(rate); };
}"""

# Reads the barcode of each picture as it is painted: eight columns and four rows in the lower half of a part of it.
READER = """([left, width]) => {
    window.seen = []; window.unread = 0;
    const small = new OffscreenCanvas(8, 4).getContext('2d', {willReadFrequently: true});
    const context = document.getElementById('result').getContext('2d'), draw = context.drawImage;
    context.drawImage = function (...words) {
        draw.apply(this, words);
        const {canvas} = this, now = performance.now();
        small.imageSmoothingEnabled = false;
        small.drawImage(canvas, left * canvas.width, canvas.height / 2, width * canvas.width, canvas.height / 2, 0, 0, 8, 4);
        const data = small.getImageData(0, 0, 8, 4).data, bits = [];
        for (let n = 0; n < 32; n++) bits.push(data[4 * n] > 128 ? 1 : 0);
        let time = 0;
        for (let n = 0; n < 24; n++) time += bits[n] * 2 ** n;
        const whole = [...Array(8).keys()].every(n => (bits[n] ^ bits[8 + n] ^ bits[16 + n]) === bits[24 + n]);
        if (!whole) { window.unread++; return; }
        const age = ((Math.round(now * 10) - time) & 0xffffff) / 10;
        window.seen.push({at: now, age, drawn: time, figure: window.studio.stats.age_p50});
    };
}"""


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


class SlowViewer:
    """A viewer whose network carries so many bits a second, and holds little."""

    def __init__(self, address, output, kbit, run):
        self.kbit, self.ages, self.kinds, self.stop, self.bytes, self.sizes = kbit, [], set(), False, 0, []
        where = urlsplit(address)
        token = where.fragment.split("t=")[1].split("&")[0]
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(10)
        self.socket.connect((where.hostname, where.port))
        self.socket.sendall((
            f"GET /api/v1/runs/{run}/live?output={output}&pictures=h264 HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Authorization: Bearer {token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()
            + "\r\n\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            part = self.socket.recv(1024)
            assert part, self.buffer
            self.buffer += part
        assert b" 101 " in self.buffer.split(b"\r\n")[0], self.buffer
        self.buffer = self.buffer.split(b"\r\n\r\n", 1)[1]
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def take(self, count):
        while len(self.buffer) < count:
            part = self.socket.recv(min(1500, count - len(self.buffer)))
            if not part:
                raise EOFError
            self.bytes += len(part)
            time.sleep(len(part) * 8 / 1000 / self.kbit)
            self.buffer += part
        part, self.buffer = self.buffer[:count], self.buffer[count:]
        return part

    def say(self, text):
        data = text.encode()
        self.socket.sendall(bytes([0x81, 0x80 | len(data)]) + bytes(4) + data)

    def read(self):
        got = 0
        try:
            while not self.stop:
                head = self.take(2)
                length = head[1] & 127
                if length > 125:
                    length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
                payload = self.take(length)
                if head[0] & 15 != 2:
                    continue
                kind, flags, _, _, captured, _ = struct.unpack("<BBHIqq", payload[:24])
                got += 1
                self.say(json.dumps({"ack": got}))
                self.kinds.add(kind)
                self.sizes.append(len(payload))
                if not flags & 4:
                    self.ages.append((time.monotonic(), time.monotonic() * 1e3 - captured / 1e3))
        except (EOFError, OSError):
            pass

    def result(self):
        self.stop = True
        self.thread.join()
        self.socket.close()
        # The first seconds are those in which the way is found to be slow.
        begin = self.ages[0][0] if self.ages else 0
        ages = [age for at, age in self.ages if at - begin > 5]
        return {"pictures": len(ages), "age_p50": percentile(ages, .5), "age_p95": percentile(ages, .95),
                "age_max": max(ages, default=None), "kinds": sorted(self.kinds), "largest": max(self.sizes, default=0)}


async def slow_uplink(port, kbit):
    """The studio at another address of this machine, behind a network that carries little in one direction."""
    async def carry(reader, writer, kbit):
        try:
            while part := await reader.read(1460):
                writer.write(part)
                await writer.drain()
                if kbit:
                    await asyncio.sleep(len(part) * 8 / 1000 / kbit)
        except OSError:
            pass
        writer.close()

    async def accept(reader, writer):
        there, here = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, here, kbit), carry(there, writer, None))

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # A network's own buffer: a router holds about 100 ms.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listener.bind(("127.0.0.2", port))
    return await asyncio.start_server(accept, sock=listener, limit=2048)


async def watch(page, output):
    await until(page, "window.studio?.view?.state === 'running' && window.studio.stats.clock_ms != null")
    if await page.evaluate("document.getElementById('watch').value") != output:
        await page.select_option("#watch", output)


async def measure(page, seconds):
    await page.evaluate("window.seen.length = window.unread = studio.live.player.ages.length = 0")
    before = await page.evaluate("({...window.studio.stats})")
    await page.wait_for_timeout(seconds * 1000)
    # What the page reckoned of the same pictures.
    seen, unread, reckoned = await page.evaluate("[window.seen, window.unread, studio.live.player.ages]")
    after = await page.evaluate("({...window.studio.stats})")
    ages = [entry["age"] for entry in seen]
    gaps = [b["at"] - a["at"] for a, b in zip(seen, seen[1:])]
    last = ages[-len(reckoned):]
    return {
        "shown": len(seen), "unread": unread, "fps": len(seen) / seconds,
        "age_p50": percentile(ages, .5), "age_p95": percentile(ages, .95), "age_max": max(ages, default=None),
        "barcode_p50": percentile(last, .5), "page_p50": percentile(reckoned, .5),
        "gap_p50": percentile(gaps, .5), "gap_p95": percentile(gaps, .95), "gap_max": max(gaps, default=None),
        "dropped": after["dropped"] - before["dropped"], "up_dropped": after["up_dropped"] - before["up_dropped"],
        "up_kbit": after["up_kbit"], "down_kbit": after["down_kbit"], "pictures": after["pictures"],
        "period": statistics.mean(gaps) if gaps else None,
    }


async def drive(words, browser, seen):
    page = await browser.new_page(viewport={"width": 1200, "height": 800})
    errors = seen["errors"] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    await try_files(page, words.page)
    await page.add_init_script(f"({CAMERA})({words.rate}, {words.noise})")
    await page.goto(words.address)
    await watch(page, words.output)
    await page.click("#camera-button")
    await until(page, "(window.studio.stats.fresh ?? 0) > 25", 60)
    await page.wait_for_timeout(6000)  # the pacing looks back five seconds
    await page.evaluate(READER, [1 / 3, 1 / 3] if words.middle else [0, 1])
    seen["alone"] = await measure(page, words.seconds)
    seen["ends"] = await page.inner_text("#f-ends")
    run = await page.evaluate("window.studio.run")
    if words.second_page:
        # A second viewer: from its socket's opening to its first picture.
        other = await browser.new_page(viewport={"width": 600, "height": 600})
        await other.goto(words.address)
        await watch(other, words.output)
        await until(other, "window.studio.stats.first_ms != null")
        seen["second"] = {"first_ms": await other.evaluate("window.studio.stats.first_ms")}
        await other.close()
    if words.slow:
        viewer = SlowViewer(words.address, words.output, words.slow, run)
        await page.wait_for_timeout(5000)
        seen["beside"] = await measure(page, words.seconds)
        seen["slow"] = viewer.result()
        seen["alone again"] = await measure(page, words.seconds)
    seen["run"] = await page.evaluate("(({frames_in, frames_out, frames_dropped, losses}) => ({frames_in, frames_out, frames_dropped, losses}))(window.studio.view)")
    if words.screen:
        await page.screenshot(path=words.screen)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("output")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--rate", type=float, default=25)
    parser.add_argument("--second-page", action="store_true")
    parser.add_argument("--middle", action="store_true", help="the barcode is in the middle third, as side-by-side puts it")
    parser.add_argument("--slow", type=float)
    parser.add_argument("--screen")
    parser.add_argument("--noise", type=int, default=0, help="specks in each picture: 100 need about 1 Mbit/s")
    parser.add_argument("--uplink", type=float, help="kbit/s that a network carries from the page to the studio")
    parser.add_argument("--at", help="another address of this machine at which 'localhost' is found, such as a tunnel's")
    parser.add_argument("--page", help="a folder whose scripts take the place of the page's own, to try them out")
    words = parser.parse_args()
    if words.uplink:
        words.at = "127.0.0.2"
        await slow_uplink(urlsplit(words.address).port, words.uplink)
    if words.at:
        words.address = words.address.replace("127.0.0.1", "localhost")
    seen = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=["--no-sandbox"] + ([f"--host-resolver-rules=MAP localhost {words.at}"] if words.at else []))
        try:
            await drive(words, browser, seen)
        except Exception as error:
            seen["failed"] = str(error)[:2000]
        await browser.close()
    print(json.dumps(seen))


asyncio.run(main())
