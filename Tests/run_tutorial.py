"""Does what docs/tutorial.md says, in a folder of its own: writes its files, and runs its commands in their order.

    python3 Tests/run_tutorial.py [--tools .build/release] [--page FILE]

A block of YAML or Python is the file that the sentence before it names last. A block of commands behind the
comment '<!-- not run: why -->' is left out. A text that the page says is printed, as in "prints `…`" or
"ends with `…`", has to be in what the commands printed. Exit code 1: something was not as the page says.
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A run in the background has begun when 'status' says that it runs; a reader takes longer to type.
AWAIT = "until personalive status 2>/dev/null | grep -q ': running,'; do sleep 0.1; done"


def parts(page):
    """The page's paragraphs and blocks in their order: the language (None: a paragraph) and the text."""
    fence = r"^```(\w*)\n(.*?)^```$"
    end = 0
    text = page.read_text()
    for block in re.finditer(fence, text, flags=re.S | re.M):
        yield from ((None, paragraph) for paragraph in text[end:block.start()].split("\n\n"))
        yield block.group(1), block.group(2)
        end = block.end()
    yield None, text[end:]


def script(page):
    """The page as a program for bash, and what it has to print."""
    steps, expected, before, has_run = [], [], "", False
    for language, text in parts(page):
        if language is None:
            # What was left out prints nothing.
            expected += re.findall(r"(?:prints|ends\s+with)\s+`([^`]+)`", text) if has_run else []
            before = text.strip() or before
        elif language == "sh":
            has_run = "<!-- not run:" not in before
            for command in text.splitlines() if has_run else []:
                steps += [command, AWAIT] if re.search(r"&\s*$", command) else [command]
            before = ""
        elif language in ("yaml", "python"):
            name = re.findall(r"`([\w./-]+\.\w+)`", before)[-1]
            steps += [f"cat > {name} <<'END OF FILE'", text.rstrip(), "END OF FILE"]
    return "\n".join(["set -em -o pipefail", *steps, "wait || [ $? = 130 ]"]), expected


def main():
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--tools", default=str(ROOT / ".build/release"))
    reader.add_argument("--page", default=str(ROOT / "docs/tutorial.md"))
    chosen = reader.parse_args()
    program, expected = script(pathlib.Path(chosen.page))
    with tempfile.TemporaryDirectory(prefix="pl-tutorial-") as folder:
        for name in ("Graphs", "Models"):
            os.symlink(ROOT / name, f"{folder}/{name}")
        environment = os.environ | {
            "PATH": f"{pathlib.Path(chosen.tools).resolve()}:{os.environ['PATH']}", "PERSONALIVE_PLUGINS": "",
            "XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": f"{folder}/state", "PERSONALIVE_KEYS": f"{folder}/keys"}
        with open(f"{folder}/printed.txt", "w+") as printed:
            bash = subprocess.Popen(["bash", "-c", program], cwd=folder, env=environment, stdout=printed,
                                    stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                status = bash.wait(timeout=600)
            except subprocess.TimeoutExpired:
                status = "none after ten minutes"
            finally:
                # Jobs have groups of their own, and all of them are of bash's session.
                subprocess.run(["pkill", "-KILL", "-s", str(bash.pid)], check=False)
            printed.seek(0)
            text = printed.read()
    missing = [words for words in expected if words not in text]
    for words in missing:
        print(f"nothing printed: {words}")
    if status != 0:
        print(f"exit code: {status}")
    if missing or status != 0:
        print(text)
        return 1
    print(f"{program.count('personalive ')} commands ran, {len(expected)} texts were printed as the page says")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
