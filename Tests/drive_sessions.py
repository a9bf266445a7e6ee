# Several browsers at one studio, each with a camera of its own colour: which colours each of them sees.
#
#   drive_sessions.py ADDRESS NUMBER
import asyncio
import json
import sys

from playwright.async_api import async_playwright

from browser import CHROMIUM, until

# In place of the camera a canvas of one colour with something that moves.
CAMERA = """(colour) => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 512, height: 512}), pen = canvas.getContext('2d');
    let turn = 0;
    const draw = () => {
        pen.fillStyle = colour; pen.fillRect(0, 0, 512, 512);
        pen.fillStyle = '#888'; pen.beginPath(); pen.arc(256 + 150 * Math.cos(turn += .1), 60, 30, 0, 7); pen.fill();
    };
    draw();
    navigator.mediaDevices.getUserMedia = async () => { setInterval(draw, 40); return canvas.captureStream(25); };
}"""
# Of each picture that is painted, which of the three colours is strongest.
READER = """() => {
    window.colours = [];
    const small = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const context = document.getElementById('result').getContext('2d'), draw = context.drawImage;
    context.drawImage = function (...words) {
        draw.apply(this, words);
        small.drawImage(this.canvas, this.canvas.width / 2, this.canvas.height * .8, 4, 4, 0, 0, 1, 1);
        const [r, g, b] = small.getImageData(0, 0, 1, 1).data;
        window.colours.push(r > g + 50 && r > b + 50 ? 0 : g > r + 50 && g > b + 50 ? 1 : b > r + 50 && b > g + 50 ? 2 : -1);
    };
}"""
COLOURS = ["#d00", "#0c0", "#00e"]


async def drive(address, number, browser, seen):
    pages = []
    for place in range(number):
        context = await browser.new_context(viewport={"width": 700, "height": 600})
        page = await context.new_page()
        await page.add_init_script(f"({CAMERA})({json.dumps(COLOURS[place])})")
        await page.goto(address)
        await until(page, "window.studio?.view?.state === 'running'", 60)
        await page.evaluate(READER)
        await page.select_option("#watch", "camera.frame")
        await page.click("#camera-button")
        pages.append(page)
    for page in pages:
        await until(page, "window.colours.length > 75", 60)
    seen["browsers"] = []
    for place, page in enumerate(pages):
        colours = await page.evaluate("window.colours")
        tab = await page.context.new_page()
        await tab.goto(address)
        await until(tab, "window.studio?.view?.state === 'running'")
        seen["browsers"].append({
            "run": await page.evaluate("studio.run"), "own": colours.count(place),
            "foreign": len(colours) - colours.count(place), "second_tab": await tab.evaluate("studio.run")})
        await tab.close()
    late = await (await browser.new_context()).new_page()
    await late.goto(address)
    await until(late, "!document.getElementById('banner').hidden")
    seen["refused"] = await late.inner_text("#banner")
    # One of them is stopped by its user: the next browser gets in.
    page = pages[0]
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.click("#tab-sessions")
    await page.click("#runs li.current button:has-text('Stop')")
    await until(late, "window.studio?.view?.state === 'running'", 60)
    seen["admitted_later"] = True


async def main():
    address, number, seen = sys.argv[1], int(sys.argv[2]), {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=["--no-sandbox"])
        try:
            await drive(address, number, browser, seen)
        except Exception as error:
            seen["failed"] = str(error)[:2000]
        await browser.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main())
