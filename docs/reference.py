"""Writes the reference of commands and kinds of node from what the tool says of itself.

    python3 docs/reference.py             writes docs/reference/*.md (make reference)
    python3 docs/reference.py --check     compares them with the tool (exit code 1: they differ)
    python3 docs/reference.py --manual FILE     writes the manual page (make install)

--tool PROGRAM is another personalive than .build/release/personalive. Only Python's own library is used.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by 'make reference'. Do not edit. -->\n"
# Every command has these two.
EVERYWHERE = {"help", "version"}


def tool_says(tool, *arguments):
    """What the tool prints. It runs in an empty folder, so that no plugin is in its answer."""
    with tempfile.TemporaryDirectory() as folder:
        answer = subprocess.run(
            [tool, *arguments], cwd=folder, check=True, capture_output=True, text=True,
            env={"PATH": "/usr/bin:/bin", "HOME": folder})
    return answer.stdout


def commands(tool):
    """The tree of commands, as ArgumentParser describes it."""
    return json.loads(tool_says(tool, "--experimental-dump-help"))["command"]


def shown(command, path=()):
    """A command and all below it that people are shown, each with its path."""
    path = (*path, command["commandName"])
    yield path, command
    for child in command.get("subcommands", []):
        if child["shouldDisplay"] and child["commandName"] != "help":
            yield from shown(child, path)


def arguments(command):
    """Positional arguments first, then options, without those that every command has."""
    found = [a for a in command.get("arguments", [])
             if a["shouldDisplay"] and a.get("valueName") not in EVERYWHERE]
    return sorted(found, key=lambda a: a["kind"] != "positional")


def spelling(argument):
    """`<file>`, `--set <name=value>` or `-q, --quiet`."""
    value = f"<{argument.get('valueName', 'value')}>"
    if argument["kind"] == "positional":
        return value
    names = [("-" if n["kind"] == "short" else "--") + n["name"] for n in argument["names"]]
    names.sort(key=len)
    return ", ".join(names) + (f" {value}" if argument["kind"] == "option" else "")


def usage(path, command):
    """The line that says how a command is called."""
    words = [" ".join(path)]
    for argument in arguments(command):
        text = spelling(argument).split(", ")[-1]
        text += " …" if argument["isRepeating"] else ""
        words.append(f"[{text}]" if argument["isOptional"] else text)
    if command.get("subcommands"):
        words.append("<command>")
    return " ".join(words)


def meaning(argument):
    """What an argument is for, with its values and default."""
    text = " ".join(filter(None, [argument.get("abstract"), argument.get("discussion")]))
    values = argument.get("allValues")
    if values and argument["kind"] != "flag":
        text += f" One of: {', '.join(values)}."
    default = argument.get("defaultValue")
    return text + (f" Default: {default}." if default else "")


def cell(text):
    """Text for a cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").strip()


def code(text):
    """Text between backquotes for a cell of a table."""
    return f"`{text}`".replace("|", "\\|")


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n\n"


def paragraphs(text):
    """A command's discussion as Markdown: what it says, and nothing that Markdown would change."""
    text = text.replace("<", "&lt;").replace("*", "\\*")
    return re.sub(r"^#", r"\\#", text, flags=re.M) + "\n\n"


def commands_page(tree):
    text = NOTE + "# Commands\n\n"
    text += "`--help` and `--version` are taken by every command. "
    text += "[Which command for what](../commands.md) has them by purpose.\n\n"
    for path, command in shown(tree):
        if len(path) > 1:
            text += f"## {' '.join(path)}\n{command.get('abstract', '')}\n\n"
            text += f"    {usage(path, command)}\n\n"
            text += paragraphs(command["discussion"]) if command.get("discussion") else ""
            rows = [(code(spelling(a)), cell(meaning(a))) for a in arguments(command)]
            text += table(("argument", "meaning"), rows) if rows else ""
    return text.rstrip("\n") + "\n"


PACES = {"own": "a stream of its own pace", "each": "each frame is a tick by itself",
         "last": "a value that stays valid until the next"}


def port_row(port, is_input):
    shape = f"{port['elementType']} [{' '.join(port['axes'])}] {port['meaning']}"
    remarks = [port["summary"]]
    for case in port["cases"]:
        remarks.append(f"with `{case['setting']}: {case['value']}`: "
                       f"`{port['elementType']} [{' '.join(case['axes'])}] {case['meaning']}`")
    if is_input and port["optional"]:
        remarks.append("may stay unconnected")
    if is_input and port["pace"] in PACES:
        remarks.append(PACES[port["pace"]])
    return code(port["name"]), code(shape), cell("; ".join(filter(None, remarks)))


def number(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def values(setting):
    kind, unit = setting["type"], f" {setting['unit']}" if setting.get("unit") else ""
    if kind == "choice":
        return ", ".join(code(word) for word in setting["choices"])
    words = {"flag": "true or false", "integer": "a whole number", "number": "a number",
             "input-file": "a file", "input-media": "a file, folder or address",
             "output-file": "a file to write", "weights": "weights", "text": "text"}[kind]
    low, high = setting.get("minimum"), setting.get("maximum")
    # The limits of a machine's own numbers say nothing.
    low = None if low is not None and abs(low) >= 2**62 else low
    high = None if high is not None and abs(high) >= 2**62 else high
    if low is not None and high is not None:
        words += f" from {number(low)} to {number(high)}"
    elif low is not None:
        words += f" of at least {number(low)}"
    elif high is not None:
        words += f" of at most {number(high)}"
    return words + unit


def default(setting):
    value = setting["default"]
    if value is None:
        return "**required**" if setting["required"] else "–"
    return code(json.dumps(value) if not isinstance(value, str) else value) if value != "" else "empty"


def setting_row(setting):
    summary = ("**live**: " if setting["live"] else "") + cell(setting["summary"])
    return code(setting["name"]), values(setting), default(setting), summary


def nodes_page(kinds):
    text = NOTE + "# Kinds of node\n\n"
    text += "Ports and settings of each, as `personalive nodes KIND` prints them. A setting that is *live*\n"
    text += "changes while the node runs. `u8 [1 h w 3] rgb` is an element type, axes with their names, and a\n"
    text += "meaning; two ports meet when all three agree ([Graphs/README.md](../../Graphs/README.md)).\n\n"
    tests = [k for k in kinds if k["kind"].startswith("test-")]
    kinds = [k for k in kinds if k not in tests]
    text += table(("kind", "what it does"),
                  [(f"[{k['kind']}](#{k['kind'].replace('/', '')})", cell(k["summary"])) for k in kinds])
    text += "For tests and benches: " + ", ".join(f"`{k['kind']}`" for k in tests) + ".\n\n"
    for kind in kinds:
        text += f"## {kind['kind']}\n{kind['summary']}\n\n"
        if kind["heldFrames"]:
            text += f"It keeps {kind['heldFrames']} frames before the first one leaves it.\n\n"
        for name, is_input in (("input", True), ("output", False)):
            rows = [port_row(port, is_input) for port in kind[f"{name}s"]]
            text += table((name, "type", "meaning"), rows) if rows else ""
        rows = [setting_row(setting) for setting in kind["settings"]]
        text += table(("setting", "values", "default", "meaning"), rows) if rows else ""
    return text.rstrip("\n") + "\n"


def roff(text):
    """Text for a manual page: no line of it is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("–", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def manual(tree, version):
    text = f'.TH PERSONALIVE 1 "" "personalive {version}" "User Commands"\n.SH NAME\n'
    text += f"personalive \\- {roff(tree['abstract'])}\n.SH SYNOPSIS\n.B personalive\n<command> ...\n"
    text += ".SH DESCRIPTION\nA graph file in YAML says which nodes there are and what flows between them.\n"
    text += "Every node becomes a process. Faults of a file are found by 'personalive check'; it is run by\n"
    text += "\\&'personalive run'; kinds of node are listed by 'personalive nodes'.\n.SH COMMANDS\n"
    for path, command in shown(tree):
        if len(path) > 1:
            text += f".SS {roff(usage(path, command))}\n{roff(command.get('abstract', ''))}\n"
            for part in filter(None, command.get("discussion", "").split("\n\n")):
                text += f".PP\n{roff(part)}\n"
            for argument in arguments(command):
                text += f".TP\n.B {roff(spelling(argument))}\n{roff(meaning(argument))}\n"
    return text


def main():
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--tool", default=str(ROOT / ".build/release/personalive"))
    reader.add_argument("--check", action="store_true")
    reader.add_argument("--manual", metavar="FILE")
    chosen = reader.parse_args()
    tree = commands(chosen.tool)
    if chosen.manual:
        page = manual(tree, tool_says(chosen.tool, "--version").strip())
        pathlib.Path(chosen.manual).write_text(page)
        return 0
    pages = {"commands.md": commands_page(tree),
             "nodes.md": nodes_page(json.loads(tool_says(chosen.tool, "nodes", "--format", "json")))}
    status = 0
    for name, text in pages.items():
        path = ROOT / "docs/reference" / name
        if not chosen.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"docs/reference/{name} is not what the tool says: renew it with 'make reference'")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
