# The studio's page in headless Firefox, with the browser's own fake camera: the figures that the page shows.
# Playwright cannot drive Debian's Firefox, so this speaks Marionette, Firefox's own protocol: JSON over TCP.
#
#   drive_firefox.py ADDRESS SECONDS
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

PREFERENCES = {
    "marionette.port": 0, "media.navigator.streams.fake": True, "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0, "browser.shell.checkDefaultBrowser": False, "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False, "network.captive-portal-service.enabled": False, "browser.aboutwelcome.enabled": False,
}


class Firefox:
    def __init__(self, folder):
        with open(f"{folder}/user.js", "w") as file:
            for name, value in PREFERENCES.items():
                file.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        self.process = subprocess.Popen(
            ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket, self.buffer, self.number = None, b"", 0

    def connect(self, folder):
        # Firefox writes the port that it took into its profile.
        port, deadline = None, time.monotonic() + 60
        while port is None and time.monotonic() < deadline:
            try:
                with open(f"{folder}/MarionetteActivePort") as file:
                    port = int(file.read())
            except (OSError, ValueError):
                time.sleep(.1)
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.receive()
        self.ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})

    def more(self):
        part = self.socket.recv(65536)
        if not part:
            raise EOFError("Firefox has ended")
        self.buffer += part

    def receive(self):
        while b":" not in self.buffer:
            self.more()
        length, self.buffer = self.buffer.split(b":", 1)
        while len(self.buffer) < int(length):
            self.more()
        message, self.buffer = self.buffer[:int(length)], self.buffer[int(length):]
        return json.loads(message)

    def ask(self, command, values):
        self.number += 1
        text = json.dumps([0, self.number, command, values]).encode()
        self.socket.sendall(str(len(text)).encode() + b":" + text)
        _, _, error, result = self.receive()
        if error:
            raise RuntimeError(f"{error['error']}: {error['message']}")
        return result

    def evaluate(self, expression):
        result = self.ask("WebDriver:ExecuteScript", {"script": f"return ({expression});", "args": [], "sandbox": None})
        return result["value"]

    def until(self, expression, seconds=60):
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({expression})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression}, after {seconds} s")
            time.sleep(.1)

    def close(self):
        # It may take minutes to end by itself on a loaded machine.
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def drive(firefox, address, seconds, seen):
    firefox.ask("WebDriver:Navigate", {"url": address})
    firefox.until("window.studio && window.studio.view && window.studio.view.state === 'running'")
    firefox.evaluate("document.getElementById('camera-button').click()")
    firefox.until("(window.studio.stats.fresh || 0) > 25")
    time.sleep(seconds)
    seen["stats"] = firefox.evaluate("JSON.parse(JSON.stringify(window.studio.stats))")
    seen["note"] = firefox.evaluate("document.getElementById('camera-note').textContent")
    seen["agent"] = firefox.evaluate("navigator.userAgent")


def main():
    seen = {}
    with tempfile.TemporaryDirectory() as folder:
        firefox = None
        try:
            firefox = Firefox(folder)
            firefox.connect(folder)
            drive(firefox, sys.argv[1], float(sys.argv[2]), seen)
        except Exception as error:
            seen["failed"] = f"{type(error).__name__}: {error}"
            try:
                seen["note"] = firefox.evaluate("document.getElementById('camera-note').textContent + ' / ' + document.getElementById('banner').textContent + JSON.stringify(window.studio?.stats)")
            except Exception:
                pass
        if firefox:
            firefox.close()
    print(json.dumps(seen))


main()
