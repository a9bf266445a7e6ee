# Starts the camera and the microphone of the studio's page in headless Chromium for some seconds. Both are
# one film that the page itself makes: a flash and a beep at the beginning of each second, so that it is known
# how far apart they are. (Chromium's own fake devices begin whenever each is opened.)
#
#   drive_sound.py ADDRESS SECONDS
import asyncio
import json
import sys

from playwright.async_api import async_playwright

FILM = """
(() => {
    let scene;
    const make = async () => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 512, height: 512 });
        const drawing = canvas.getContext('2d'), sound = new AudioContext({ sampleRate: 48000 });
        await sound.resume();
        const tone = new OscillatorNode(sound, { frequency: 1000 }), loudness = new GainNode(sound, { gain: 0 });
        const out = sound.createMediaStreamDestination();
        tone.connect(loudness).connect(out);
        tone.start();
        for (let second = Math.ceil(sound.currentTime) + 1; second < 120; second++) {
            loudness.gain.setValueAtTime(0.5, second);
            loudness.gain.setValueAtTime(0, second + 0.2);
        }
        setInterval(() => {
            drawing.fillStyle = sound.currentTime > 1 && sound.currentTime % 1 < 0.2 ? 'white' : 'black';
            drawing.fillRect(0, 0, 512, 512);
        }, 10);
        return { picture: canvas.captureStream(25), sound: out.stream };
    };
    navigator.mediaDevices.getUserMedia = async wish => {
        scene ??= await make();
        return wish.video ? scene.picture : scene.sound;
    };
})();
"""


async def main():
    address, seconds = sys.argv[1], float(sys.argv[2])
    seen = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"])
        page = await browser.new_page()
        errors = seen["errors"] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.add_init_script(FILM)
        try:
            await page.goto(address)
            for _ in range(600):
                if await page.evaluate("window.studio?.view?.state === 'running'"):
                    break
                await page.wait_for_timeout(50)
            await page.click("#camera-button")
            await page.wait_for_timeout(seconds * 1000)
            seen["note"] = await page.inner_text("#camera-note")
            seen["offset"] = await page.inner_text("#f-sound")
        except Exception as error:
            seen["failed"] = str(error)[:2000]
        await browser.close()
    print(json.dumps(seen))


asyncio.run(main())
