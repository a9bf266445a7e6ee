# Watches the page of a 'webrtc-out' in headless Chromium, as a person would, and prints one JSON object:
# the ages of the pictures that it showed, by the time of day that is drawn into them (48 bits of
# microseconds, 24 squares of 16 pixels a row), and what Chromium says of the connection.
#
#   watch_whep.py ADDRESS SECONDS [--die]
#
# With --die the browser is killed then, and does not say goodbye.
import argparse
import asyncio
import json
import os
import signal

from playwright.async_api import async_playwright

WATCH = """() => {
    const video = document.getElementById('picture');
    const canvas = new OffscreenCanvas(384, 32).getContext('2d', { willReadFrequently: true });
    window.ages = [];
    const look = () => {
        const now = (performance.timeOrigin + performance.now()) * 1000;
        canvas.drawImage(video, 0, 0, 384, 32, 0, 0, 384, 32);
        const pixels = canvas.getImageData(0, 0, 384, 32).data;
        let drawn = 0;
        for (let bit = 0; bit < 48; bit++) {
            const x = (bit % 24) * 16 + 8, y = Math.floor(bit / 24) * 16 + 8;
            if (pixels[(y * 384 + x) * 4] > 125) drawn += 2 ** bit;
        }
        window.ages.push((now % 2 ** 48 - drawn) / 1000);
        video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
}"""

STATS = """async () => [...(await window.connection.getStats()).values()]
    .filter(entry => ['inbound-rtp', 'codec', 'candidate-pair', 'remote-candidate'].includes(entry.type))"""


def descendants(process):
    """A process's children and theirs."""
    children = []
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/children") as file:
            children += [int(word) for word in file.read().split()]
    return children + [other for child in children for other in descendants(child)]


# When the picture's middle turns white, and when sound begins, by the same clock.
FLASHES = """() => {
    const video = document.getElementById('picture');
    const canvas = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true });
    const sound = new AudioContext({ latencyHint: 'interactive' });
    const samples = new Float32Array(256), analyser = sound.createAnalyser();
    analyser.fftSize = 256;
    sound.createMediaStreamSource(video.srcObject).connect(analyser);
    window.flashes = [];
    window.beeps = [];
    const edge = (times, isOn) => {
        const now = performance.now();
        if (isOn && !(now - times.last < 300)) times.push(now);
        if (isOn) times.last = now;
    };
    const look = () => {
        canvas.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 8, 8, 0, 0, 8, 8);
        edge(window.flashes, canvas.getImageData(4, 4, 1, 1).data[0] > 125);
        video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        edge(window.beeps, samples.some(value => Math.abs(value) > 0.1));
    }, 4);
}"""


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--die", action="store_true")
    words = parser.parse_args()
    seen = {"errors": []}
    async with async_playwright() as playwright:
        server = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"])
        page = await server.new_page(viewport={"width": 640, "height": 640})
        page.on("pageerror", lambda error: seen["errors"].append(str(error)))
        await page.goto(words.address)
        try:
            # Not wait_for_function: the page's policy forbids it to evaluate a text by itself.
            for _ in range(600):
                if await page.evaluate("document.getElementById('picture').videoWidth > 0"):
                    break
                await page.wait_for_timeout(50)
            else:
                raise TimeoutError(await page.inner_text("#state"))
            seen["joined_ms"] = await page.evaluate("performance.now()")
            await page.evaluate(WATCH)
            # A muted element's sound counts as silent in Chromium's figures.
            await page.click("#sound")
            await page.evaluate(FLASHES)
            await page.wait_for_timeout(words.seconds * 1000)
            # How much later than its flash each beep was heard, and that once it has settled.
            flashes, beeps = await page.evaluate("[window.flashes, window.beeps]")
            seen["offsets_ms"] = [
                round(min((beep - flash for beep in beeps), key=abs)) for flash in flashes if beeps]
            settled = sorted(seen["offsets_ms"][len(flashes) // 2:])
            seen["flashes"], seen["beeps"] = len(flashes), len(beeps)
            seen["av_offset_ms"] = settled[len(settled) // 2] if settled else None
            ages = await page.evaluate("window.ages")
            seen["pictures"] = len(ages)
            ages = sorted(ages[25:])
            if ages:
                seen["age_ms"] = {
                    "p50": ages[len(ages) // 2], "p95": ages[int(len(ages) * 0.95)], "max": ages[-1]}
            seen["stats"] = await page.evaluate(STATS)
            seen["address"] = await page.evaluate("location.href")
        except Exception as error:
            seen["failed"] = str(error)[:2000]
        print(json.dumps(seen), flush=True)
        if words.die:
            for process in descendants(os.getpid()):
                os.kill(process, signal.SIGKILL)
            os._exit(0)
        await server.close()


asyncio.run(main())
