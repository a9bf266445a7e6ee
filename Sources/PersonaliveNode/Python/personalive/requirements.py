"""What a node's requirements.txt asks for: whether it is there, and a folder of its own for it.

    python3 -m personalive.requirements check FILE      # exit code 1 and a sentence where something is missing
    python3 -m personalive.requirements install FILE

What is installed goes into ~/.local/lib/personalive-python, into a folder that is named after the file's contents
and the Python, and that nodes with this file find first. The user's own Python stays what it is.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Iterator

try:
    from packaging.requirements import InvalidRequirement, Requirement
except ImportError:
    try:
        from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        Requirement = None

PARENT = os.path.join(os.path.expanduser("~"), ".local", "lib", "personalive-python")


def lines(path: str, contents: list[bytes]) -> Iterator[str]:
    """The requirements of a file and of those that it includes; their bytes are added to `contents`."""
    with open(path, "rb") as file:
        contents.append(file.read())
    for line in contents[-1].decode().replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        included = re.match(r"(?:-r|--requirement)[\s=]*(\S+)", line)
        if included:
            yield from lines(os.path.join(os.path.dirname(path), included[1]), contents)
        elif line and not line.startswith("-"):
            yield re.split(r"\s--", line)[0]


def folder(path: str) -> str:
    """Where what a file asks for is installed, or would be."""
    contents: list[bytes] = []
    list(lines(path, contents))
    name = hashlib.sha256(b"\0".join(contents)).hexdigest()[:32]
    return os.path.join(PARENT, f"{name}-{sys.implementation.cache_tag}")


def activate(path: str) -> None:
    """Lets this process, and those that it starts, find what was installed for a file."""
    place = folder(path)
    if os.path.isdir(place) and place not in sys.path:
        sys.path.insert(0, place)
        others = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = f"{place}:{others}" if others else place


def missing(path: str) -> list[str]:
    """What is not there as a file asks for it, each with what was found, where this process would find it."""
    found = []
    for line in lines(path, []):
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            line = re.sub(r"//[^/@\s]*@", "//…@", line)  # what may be a password
            found.append(f"'{line}' names no package (write 'NAME @ {line}')")
            continue
        if requirement.marker and not requirement.marker.evaluate():
            continue
        name, wanted = requirement.name, str(requirement.specifier)
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} ({wanted or 'any version'}) is not there")
            continue
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{name} is {version}, and {wanted} is wanted")
    return found


def fault(path: str) -> str | None:
    """What is missing, in a sentence that says what helps; None where nothing is."""
    if Requirement is None:
        return f"{path}: without pip nobody can tell whether all is there: apt install python3-pip"
    try:
        activate(path)
        lacks = missing(path)
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        return f"{path} cannot be read: {error}"
    if not lacks:
        return None
    return f"{path}: {'; '.join(lacks)}: 'personalive doctor GRAPH --install' installs it for this node alone"


def install(path: str) -> str | None:
    """Installs all that a file asks for; returns what went wrong, None where nothing did."""
    try:
        place = folder(path)
        os.makedirs(PARENT, exist_ok=True)
        draft = tempfile.mkdtemp(prefix="draft-", dir=PARENT)
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        return f"{path} cannot be installed: {error}"
    # A person's Ctrl-C reaches this process only: pip and the draft are to go with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        path = os.path.abspath(path)
        # Relative paths in the file are of its own folder.
        outcome = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet",
             "--target", draft, "--requirement", path],
            cwd=os.path.dirname(path), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
        if outcome.returncode != 0:
            said = [line.strip() for line in outcome.stderr.splitlines() if line.strip()]
            words = [line for line in said if line.startswith("ERROR: ")] or said
            return f"{path}: pip could not install it: {' | '.join(words[-2:])}"
        # One of before lacks something, or a node of another graph was quicker.
        try:
            if os.path.isdir(place):
                os.rename(place, os.path.join(draft, ".before"))
            os.rename(draft, place)
        except OSError as error:
            return f"{path} cannot be installed: {error}"
        shutil.rmtree(os.path.join(place, ".before"), ignore_errors=True)
        return None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[1] not in ("check", "install"):
        print("usage: python3 -m personalive.requirements check|install FILE", file=sys.stderr)
        return 64
    path = sys.argv[2]
    lack = fault(path)
    if lack and sys.argv[1] == "install" and os.path.exists(path):
        lack = install(path) or fault(path)
        if not lack:
            print(f"{path}: installed into {folder(path)}")
    elif not lack:
        print(f"{path}: all is there")
    if lack:
        print(lack)
    return 1 if lack else 0


if __name__ == "__main__":
    sys.exit(main())
