# Drives the studio's page in headless Chromium, as a person would, and prints one JSON object with what
# it saw: the figures are those that the page itself shows.
#
#   drive_page.py ADDRESS SECONDS [--camera FILM.y4m] [--portrait FILE] [--broken FILE] [--swaps N]
#                 [--kill NODE] [--compare] [--screens FOLDER]
import argparse
import asyncio
import json
import os
import signal

from playwright.async_api import async_playwright

from browser import CHROMIUM, try_files, until


async def stats(page):
    return await page.evaluate("({...window.studio.stats})")


async def gaps(page):
    """From here on the page keeps every gap between two pictures that it painted."""
    await page.evaluate("""() => {
        window.gaps = []; let last = null;
        const context = document.getElementById('result').getContext('2d'), draw = context.drawImage;
        context.drawImage = function (...words) {
            const now = performance.now();
            if (last != null) window.gaps.push(now - last);
            last = now;
            return draw.apply(this, words);
        };
    }""")


async def keep_toasts(page):
    """From here on the page keeps every toast, each when it appears: they live for seconds only."""
    await page.evaluate("""() => {
        const list = document.getElementById('toasts');
        window.toasts = [...list.children].map(note => note.textContent);
        new MutationObserver(changes => {
            for (const { addedNodes } of changes) for (const note of addedNodes) window.toasts.push(note.textContent);
        }).observe(list, { childList: true });
    }""")


async def toasts(page, since=0):
    return (await page.evaluate("window.toasts"))[since:]


async def screen(page, folder, name):
    if folder:
        await page.screenshot(path=f"{folder}/{name}.png")


async def upload(page, file):
    """Chooses a portrait, and says who agreed to it, by keyboard."""
    await page.set_input_files("#portrait-file", file)
    await until(page, "document.getElementById('consent').open")
    await page.fill("#consent-name", "Ada Example")
    await page.focus("#consent-agreed")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await until(page, "!document.getElementById('consent').open")


# Every control has a name, and text stands out from its ground by 4.5 to 1.
ACCESS = """() => {
    const faults = [];
    const shown = e => e.getClientRects().length > 0;
    for (const e of document.querySelectorAll('button, select, textarea, input, [role=button], [role=radio], [role=tab]')) {
        if (!shown(e)) continue;
        const label = e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && [...e.labels].map(l => l.textContent.trim()).join(' '));
        if (!label) faults.push('no name: ' + e.outerHTML.slice(0, 120));
    }
    const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
    const parse = t => (t.match(/[\\d.]+/g) || []).map(Number);
    for (const e of document.querySelectorAll('p, h1, h2, button, dt, dd, li, small, label, th, td, span')) {
        if (!shown(e) || e.disabled || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
        if (e.closest('.screen, svg, .drop')) continue;
        let ground = e, back = null;
        while (ground) { const c = parse(getComputedStyle(ground).backgroundColor); if (c.length && (c.length < 4 || c[3] > .99)) { back = c; break; } ground = ground.parentElement; }
        const fore = parse(getComputedStyle(e).color);
        if (!back || fore.length < 3) continue;
        const [a, b] = [light(fore.slice(0, 3)), light(back.slice(0, 3))].sort((x, y) => y - x);
        const ratio = (a + .05) / (b + .05);
        if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${e.className || e.tagName} ${e.textContent.trim().slice(0, 30)}`);
    }
    return faults;
}"""


async def drive(words, page, seen):
    errors = seen["errors"] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.goto(words.address)
    await keep_toasts(page)
    await until(page, "window.studio?.view?.state === 'running'")
    seen["address"] = await page.evaluate("location.href")
    seen["cookie"] = await page.evaluate("document.cookie")
    if words.camera:
        await page.click("#camera-button")
    await until(page, "(window.studio.stats.fresh ?? 0) > 50", 60)
    await gaps(page)
    await page.wait_for_timeout(words.seconds * 1000)
    seen["stage"] = await stats(page)
    seen["stage"]["shown"] = {name: await page.inner_text(f"#f-{name}") for name in ("p50", "p95", "fps")}
    seen["stage"]["painted_gaps"] = await page.evaluate("window.gaps")
    seen["stage"]["ends"] = await page.inner_text("#f-ends")
    seen["access"] = await page.evaluate(ACCESS)
    await screen(page, words.screens, "stage")

    if words.portrait:
        before = await page.evaluate("document.getElementById('result').toDataURL()")
        await page.evaluate("window.gaps.length = 0")
        began, known = await page.evaluate("performance.now()"), len(await toasts(page))
        await upload(page, words.portrait)
        await until(page, "document.querySelectorAll('#portraits [aria-checked=true]').length === 1 && !document.querySelector('#portraits [aria-checked=true]').getAttribute('aria-label').includes('graph')")
        await page.wait_for_timeout(2500)
        seen["portrait"] = {
            "toast": "\n".join(await toasts(page, known)), "gap_max": await page.evaluate("Math.max(...window.gaps)"),
            "changed": before != await page.evaluate("document.getElementById('result').toDataURL()"),
            "ms": await page.evaluate("performance.now()") - began - 2500,
        }
    if words.broken:
        await upload(page, words.broken)
        await until(page, "document.querySelector('.toast.bad')")
        seen["broken"] = await page.inner_text(".toast.bad")
    if words.swaps:
        await page.evaluate("window.gaps.length = 0")
        first = len(await toasts(page))
        for number in range(words.swaps):
            kind = ["vae-decoder", "tiny-decoder"][number % 2]
            known = len(await toasts(page))
            await page.click(f"#variants button:has-text('{kind}')")
            await until(page, f"window.studio.view.nodes.some(n => n.kind === '{kind}')")
            await until(page, f"window.toasts.length > {known}")
            await page.wait_for_timeout(1200)
        seen["swaps"] = {"gap_max": await page.evaluate("Math.max(...window.gaps)"), "toasts": "\n".join(await toasts(page, first))}

    if words.compare:
        await page.click("#compare-button")
        await until(page, "window.studio.shadow?.fresh > 10", 60)
        await screen(page, words.screens, "compare")
        await until(page, "!document.getElementById('compare-button').disabled", 60)
        seen["compared"] = await page.inner_text("#compare-note")
    sliders = page.locator("#live-settings input")
    if await sliders.count():
        seen["sliders"] = await page.locator("#live-settings .slider").all_inner_texts()
        known = len(await toasts(page))
        await sliders.first.focus()
        await page.keyboard.press("Home")
        await until(page, f"window.toasts.length > {known}")
        seen["slid"] = "\n".join(await toasts(page, known))
        seen["slid_to"] = await page.evaluate("""async () => (await (await fetch('/api/v1/runs/-/graph')).json()).settings.mixer""")
        await page.keyboard.press("End")

    await page.click("#tab-graph")
    await until(page, "document.querySelectorAll('#drawing .node').length === window.studio.view.nodes.length")
    await page.wait_for_timeout(1200)
    seen["graph"] = await page.evaluate("""() => ({
        nodes: [...document.querySelectorAll('#drawing .node')].map(n => n.getAttribute('aria-label')),
        edges: [...document.querySelectorAll('#drawing .edge')].map(n => n.getAttribute('aria-label')),
        view: {nodes: window.studio.view.nodes.length, edges: window.studio.view.edges.length}})""")
    # By keyboard alone: the first node, then the preview of the last edge that carries pictures.
    await page.focus("#drawing .node")
    await page.keyboard.press("Enter")
    await until(page, "document.querySelector('#detail h2') && document.querySelectorAll('#detail dd').length > 4")
    seen["node"] = await page.inner_text("#detail")
    picture = await page.evaluate("window.studio.view.edges.findLastIndex(e => e.meaning === 'rgb' && e.fps > 0)")
    await page.locator("#drawing .edge").nth(picture).focus()
    await page.keyboard.press("Enter")
    await until(page, "document.querySelector('#detail img')?.naturalWidth > 0")
    seen["preview"] = await page.evaluate("document.querySelector('#detail img').naturalWidth")
    seen["access"] += await page.evaluate(ACCESS)
    await screen(page, words.screens, "graph")

    # A fault at its line as one types; nothing is applied.
    text = await page.input_value("#text")
    await page.fill("#text", text.replace("frame: decoder.frame", "frame: decoder.frames").replace("frame: source.frame", "frame: source.frames"))
    await until(page, "document.querySelectorAll('#faults li').length > 0")
    seen["fault"] = await page.inner_text("#faults")
    seen["summary"] = await page.inner_text("#fault-summary")
    seen["apply_disabled"] = await page.is_disabled("#apply")
    await screen(page, words.screens, "editor")
    await page.click("#revert")

    if words.kill:
        pid = await page.evaluate(f"window.studio.view.nodes.find(n => n.name === {json.dumps(words.kill)}).pid")
        os.kill(pid, signal.SIGKILL)
        began = await page.evaluate("performance.now()")
        await until(page, "document.querySelector('#drawing .node.absent') || document.getElementById('state').classList.contains('bad') || window.studio.view.nodes.some(n => n.restarts > 0)")
        seen["red_ms"] = await page.evaluate("performance.now()") - began
        await screen(page, words.screens, "failing")
        await until(page, "!document.querySelector('#drawing .node.absent') && window.studio.view.nodes.some(n => n.restarts > 0)")
        seen["green_ms"] = await page.evaluate("performance.now()") - began

    await page.click("#tab-stage")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.wait_for_timeout(500)
    seen["phone_overflow"] = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    seen["access"] += await page.evaluate(ACCESS)
    await screen(page, words.screens, "phone")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 1400, "height": 900})
    await page.wait_for_timeout(500)
    seen["access"] += ["light: " + fault for fault in await page.evaluate(ACCESS)]
    await screen(page, words.screens, "light")
    if words.camera:
        began = await page.evaluate("Date.now()")
        await page.reload()
        await until(page, "window.studio?.view?.state === 'running'")
        await page.click("#camera-button")
        await until(page, "(window.studio.stats.fresh ?? 0) > 0")
        seen["reload_ms"] = await page.evaluate("Date.now()") - began
    seen["run"] = await page.evaluate("(({frames_in, frames_out, frames_dropped, losses}) => ({frames_in, frames_out, frames_dropped, losses}))(window.studio.view)")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("seconds", type=float)
    for name in ("camera", "portrait", "broken", "screens"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--swaps", type=int, default=0)
    parser.add_argument("--kill")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--page", help="a folder whose files take the place of the page's own, to try them out")
    words = parser.parse_args()
    arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    if words.camera:
        arguments.append(f"--use-file-for-fake-video-capture={words.camera}")
    seen = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=arguments)
        page = await browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme="dark")
        await try_files(page, words.page)
        try:
            await drive(words, page, seen)
        except Exception as error:
            seen["failed"] = str(error)[:2000]
            seen["banner"] = await page.inner_text("#banner")
            seen["notes"] = await page.inner_text("#camera-note")
            await screen(page, words.screens, "failed")
        await browser.close()
    print(json.dumps(seen))


asyncio.run(main())
