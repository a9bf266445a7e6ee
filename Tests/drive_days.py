# What goes wrong at a studio, and what its page says of it.
#
#   drive_days.py ADDRESS LARGE-FILE PROCESS-THAT-SERVES
import asyncio
import json
import os
import signal
import sys

from playwright.async_api import async_playwright

from browser import CHROMIUM, until
from drive_sessions import CAMERA

NOTE = "document.getElementById('camera-note').textContent"
BANNER = "document.getElementById('banner')"


async def note_of(page, seen, name, words):
    """Waits for a sentence of the camera's that has these words."""
    await until(page, f"{NOTE}.includes({json.dumps(words)})")
    seen[name] = await page.inner_text("#camera-note")


async def fails_with(page, error):
    await page.evaluate(f"""() => {{ window.getMedia ??= navigator.mediaDevices.getUserMedia;
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{error}')); }}""")
    await page.click("#camera-button")


async def drive(address, large, server, browser, seen):
    context = await browser.new_context(viewport={"width": 1200, "height": 800})
    page = await context.new_page()
    await page.add_init_script(f"({CAMERA})('#d00')")
    await page.goto(address)
    await until(page, "window.studio?.view?.state === 'running'")
    for name, error, words in (("refused", "NotAllowedError", "Allow"), ("none", "NotFoundError", "finds no camera"), ("busy", "NotReadableError", "Another program")):
        await fails_with(page, error)
        await note_of(page, seen, name, words)
    await page.evaluate("navigator.mediaDevices.getUserMedia = window.getMedia")
    await page.click("#camera-button")
    await until(page, "(studio.stats.fresh ?? 0) > 25")

    await page.evaluate("""() => { Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }""")
    await note_of(page, seen, "asleep", "background")
    await page.evaluate("""() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }""")
    await page.evaluate("document.getElementById('self').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    await note_of(page, seen, "unplugged", "unplugged")
    await page.click("#camera-button")

    other = await context.new_page()
    await other.add_init_script(f"({CAMERA})('#00e')")
    await other.goto(address)
    await until(other, "window.studio?.view?.state === 'running'")
    await other.click("#camera-button")
    await note_of(page, seen, "two_tabs", "Another page")
    await other.close()
    await page.click("#camera-button")

    await page.set_input_files("#portrait-file", large)
    await until(page, "document.querySelector('.toast.bad')")
    seen["large"] = await page.inner_text(".toast.bad")

    run = await page.evaluate("studio.view.pid")
    os.kill(server, signal.SIGKILL)
    await until(page, f"{BANNER}.textContent.includes('does not answer')")
    seen["server_killed"] = await page.inner_text("#banner")
    await until(page, f"{BANNER}.hidden && studio.view.state === 'running'", 60)
    before = await page.evaluate("studio.stats.fresh")
    await until(page, f"studio.stats.fresh > {before + 10}", 60)
    seen["after_server"] = await page.evaluate("studio.stats.fresh") - before

    os.kill(run, signal.SIGKILL)
    await until(page, f"!{BANNER}.hidden", 60)
    seen["run_killed"] = await page.inner_text("#banner")
    await page.evaluate("fetch('/api/v1/runs', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})")
    await until(page, f"{BANNER}.hidden && studio.view.state === 'running' && studio.view.pid !== {run}", 60)
    before = await page.evaluate("studio.stats.fresh")
    await until(page, f"studio.stats.fresh > {before + 10}", 60)
    seen["after_run"] = await page.evaluate("studio.stats.fresh") - before


async def main():
    address, large, server, seen = sys.argv[1], sys.argv[2], int(sys.argv[3]), {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=["--no-sandbox"])
        try:
            await drive(address, large, server, browser, seen)
        except Exception as error:
            seen["failed"] = str(error)[:2000]
        await browser.close()
    print(json.dumps(seen))


asyncio.run(main())
