# What the scripts share that drive the studio's page in headless Chromium.
import os

CHROMIUM = "/usr/bin/chromium"
TYPES = {"js": "text/javascript", "css": "text/css"}


async def until(page, expression, seconds=30):
    # Not wait_for_function: the page's policy forbids it to evaluate a text by itself.
    for _ in range(int(seconds * 20)):
        if await page.evaluate(f"Boolean({expression})"):
            return
        await page.wait_for_timeout(50)
    raise TimeoutError(f"{expression}, after {seconds} s")


async def try_files(page, folder):
    """Scripts and styles of a folder take the place of the page's own, to try them without a build. Not its HTML: Chromium lets no page use this machine that came from elsewhere."""
    def serve(body, type):
        async def handle(route):
            await route.fulfill(body=body, content_type=type)
        return handle
    for name in os.listdir(folder) if folder else []:
        type = TYPES.get(name.split(".")[-1])
        if type:
            with open(f"{folder}/{name}") as file:
                await page.route(f"**/{name}", serve(file.read(), type))
