# Looks on at a live output, as its viewers do, and prints one JSON object with what it saw.
#
#   watch_live.py page ADDRESS SECONDS [--screen FILE.png]     the player's own page, in headless Chromium
#   watch_live.py mjpeg ADDRESS SECONDS [--slow]               pictures as they come; slow: 50 KB a second
#   watch_live.py ts PORT SECONDS [--rate 300]                 MPEG-TS to a port that takes so many kbit/s
#   watch_live.py clock URL SECONDS                            pictures with a clock (see `clock`), by FFmpeg
#
# Ages are in ms, from capture (as the output says) to the moment that the picture is here.
import argparse
import json
import socket
import time
import urllib.parse


def figures(ages, **more):
    ordered = sorted(ages)
    at = lambda share: ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
    return {"count": len(ages), "p50": at(0.5), "p95": at(0.95), "max": at(1), **more}


def page(address, seconds, screen):
    from playwright.sync_api import sync_playwright
    with sync_playwright() as kit:
        browser = kit.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"])
        view = browser.new_page()
        faults = []
        view.on("pageerror", lambda error: faults.append(str(error)))
        view.goto(address)
        deadline = time.monotonic() + 30
        while view.evaluate("window.player.shown") < 50 and time.monotonic() < deadline:
            view.wait_for_timeout(100)
        # What is played before it has settled is no age of a viewer's.
        view.evaluate("window.player.ages = []")
        before = view.evaluate("[window.player.shown, performance.now()]")
        view.wait_for_timeout(1000 * seconds)
        after = view.evaluate("[window.player.shown, performance.now()]")
        player = view.evaluate("({...window.player})")
        if screen:
            view.screenshot(path=screen)
        browser.close()
    rate = (after[0] - before[0]) / max(after[1] - before[1], 1) * 1000
    return figures(player["ages"], rate=rate, jumps=player["jumps"], state=player["state"], faults=faults)


def mjpeg(address, seconds, is_slow):
    url = urllib.parse.urlparse(address)
    client = socket.socket()
    client.settimeout(30)
    if is_slow:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((url.hostname, url.port))
    client.sendall(f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
    start, data, ages, whole = time.monotonic(), b"", [], True
    while time.monotonic() - start < seconds:
        if is_slow:
            time.sleep(0.02)
        got = client.recv(1024 if is_slow else 1 << 16)
        if not got:
            break
        data += got
        while (at := data.find(b"X-Timestamp: ")) >= 0 and (body := data.find(b"\r\n\r\n", at)) >= 0:
            head = data[data.rfind(b"Content-Length: ", 0, at):at]
            size = int(head.split(b": ")[1])
            if len(data) < body + 4 + size:
                break
            picture = data[body + 4:body + 4 + size]
            whole = whole and picture[:2] == b"\xff\xd8" and picture[-2:] == b"\xff\xd9"
            ages.append(1000 * (time.time() - float(data[at + 13:data.find(b"\r", at)])))
            data = data[body + 4 + size:]
    return figures(ages, whole=whole, rate=len(ages) / (time.monotonic() - start))


def ts(port, seconds, rate):
    """A picture's age counts from when the first one began to come, and until it is here whole."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    listener.settimeout(60)
    link = listener.accept()[0]
    link.settimeout(30)
    data, ages, first, current, taken = b"", [], None, None, 0
    start = time.monotonic()
    while (now := time.monotonic()) - start < seconds:
        # As a link of so many bits a second gives them.
        room = int((now - start) * rate * 125) - taken
        if room < 188:
            time.sleep(0.002)
            continue
        got = link.recv(min(room, 4096))
        if not got:
            break
        taken += len(got)
        data += got
        while len(data) >= 188:
            packet, data = data[:188], data[188:]
            at = 4 + (packet[4] + 1 if packet[3] & 0x20 else 0)
            if not packet[1] & 0x40 or packet[at:at + 3] != b"\0\0\1" or packet[at + 3] & 0xf0 != 0xe0:
                continue
            time_ = packet[at + 9:at + 14]
            shown = ((time_[0] >> 1 & 7) << 30 | time_[1] << 22 | time_[2] >> 1 << 15 | time_[3] << 7 | time_[4] >> 1) / 90000
            now = time.monotonic()
            first = first or (now, shown)
            if current is not None:
                ages.append(1000 * (now - first[0] - (current - first[1])))
            current = shown
    # Until the link is full for the first time, there is nothing to see.
    return figures(ages[len(ages) // 5:], kbit=taken * 8e-3 / (time.monotonic() - start))


def clock(url, seconds):
    """Pictures 256 pixels wide whose rows 112 to 143 show the ms of the system's clock when they were made,
    the last 32 bits of it, the lowest first: a white or a black block of 8 pixels each. Settles for 3 s."""
    import subprocess
    import threading
    import numpy
    player = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-nostdin", "-fflags", "nobuffer", "-flags", "low_delay", "-threads", "1",
         "-i", url, "-f", "rawvideo", "-pix_fmt", "gray", "-"], stdout=subprocess.PIPE)
    limit = threading.Timer(seconds + 60, player.kill)
    limit.start()
    ages, start = [], None
    while len(data := player.stdout.read(256 * 256)) == 256 * 256:
        now = time.time()
        start = start or now
        if now - start > seconds + 3:
            break
        bits = numpy.frombuffer(data, "u1").reshape(256, 32, 8)[116:140, :, 2:6].mean((0, 2)) > 128
        made = int((bits * 2 ** numpy.arange(32)).sum())
        if now - start > 3:
            ages.append((int(now * 1000) - made) % 2 ** 32)
    limit.cancel()
    player.kill()
    player.wait()
    return figures(ages, rate=len(ages) / seconds)


words = argparse.ArgumentParser()
words.add_argument("way", choices=["page", "mjpeg", "ts", "clock"])
words.add_argument("address")
words.add_argument("seconds", type=float)
words.add_argument("--screen")
words.add_argument("--slow", action="store_true")
words.add_argument("--rate", type=float, default=300)
said = words.parse_args()
print(json.dumps(
    page(said.address, said.seconds, said.screen) if said.way == "page"
    else clock(said.address, said.seconds) if said.way == "clock"
    else ts(int(said.address), said.seconds, said.rate) if said.way == "ts"
    else mjpeg(said.address, said.seconds, said.slow)))
