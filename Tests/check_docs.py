"""Checks what the pages say against the tool: commands, options, settings of graphs, files, links, make targets,
graphs, and the sentences of docs/troubleshooting.md.

    python3 Tests/check_docs.py [--tools .build/release]

Every 'personalive …' in a page or in a comment of Graphs/ has to be a command line that the tool takes:
commands, options, values that are a choice, and how many arguments. Names of files of the repository have to
exist, '--set' has to name a setting of the graph, 'make …' a target, and a link a file and a heading. Blocks
of YAML with nodes have kinds, settings, ports and values that there are; they need not be whole graphs.
What users bring (me.png) is not looked for. Prints every fault; exit code 1 if there is one.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/reference/*.md"),
                ROOT / "Graphs/README.md", ROOT / "Plugins/README.md", ROOT / "Training/README.md",
                ROOT / "Models/small/README.md"])
FOLDERS = ("Graphs/", "Plugins/", "Tests/", "Sources/", "Training/", "docs/", "Models/small", "Models/demo")
# What a reader makes.
MADE = ("Plugins/sepia", "Plugins/mine", "Training/.venv", "Training/runs", "Training/Weights", "Training/Videos")
# Where a command begins: at the start, behind variables, or in another one.
COMMAND = re.compile(r"(?:^(?:[A-Z_]+=\S+ +)*(?:\S*/)?|[(;|&] *)(personalive(?:-bench)?) (?=[a-z…-])")
PLACEHOLDER = re.compile(r"…|\.\.\.|^<|^[A-Z][A-Z0-9_-]*$|^k=v$|^node\.k=v$|^NODE|^\$")


class Commands:
    """The commands of a program, as it describes them."""

    def __init__(self, program):
        text = subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True).stdout
        self.tree = json.loads(text)["command"]

    def fault(self, words, whole):
        """What is wrong with a command line without the program's name, or None.

        `whole`: a line that is to be typed as it stands, and not a part of one in a sentence.
        """
        command = self.tree
        words = list(words)
        if words[:1] == ["help"]:
            words = [*words[1:], "--help"]
        while command.get("subcommands") and words and not words[0].startswith("-"):
            if PLACEHOLDER.search(words[0]):
                return None
            found = [c for c in command["subcommands"] if c["commandName"] == words[0]]
            if not found:
                return f"there is no command '{words[0]}'"
            command = found[0]
            words.pop(0)
        options = {("--" if name["kind"] != "short" else "-") + name["name"]: argument
                   for argument in command.get("arguments", []) for name in argument.get("names", [])}
        positional = [a for a in command.get("arguments", []) if a["kind"] == "positional"]
        given = []
        while words:
            word = words.pop(0)
            if not word.startswith("-") or word == "-":
                given.append(word)
                continue
            name, equals, value = word.partition("=")
            argument = options.get(name)
            if argument is None:
                return f"'{command['commandName']}' has no option '{name}'"
            if argument["kind"] == "option":
                if not equals:
                    if not words and whole:
                        return f"'{name}' has no value"
                    value = words.pop(0) if words else "…"
                fault = self.choice(argument, value)
                if fault:
                    return fault
        if "--help" in options and not whole:
            return None
        if not any(a["isRepeating"] for a in positional) and len(given) > len(positional):
            return f"'{given[len(positional)]}' is one argument too many"
        if len(given) < sum(not a["isOptional"] for a in positional):
            return "an argument is missing"
        return next(filter(None, map(self.choice, positional, given)), None)

    @staticmethod
    def choice(argument, value):
        values = argument.get("allValues")
        if values and value not in values and not PLACEHOLDER.search(value) and "|" not in value:
            return f"'{value}' is none of {', '.join(values)}"
        return None


def split(line):
    """The words of a command line, quotes taken off; nothing behind a comment, a pipe or an ampersand."""
    words = []
    for match in re.finditer(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""", line):
        word = match.group()
        if re.match(r"^(#|\||\|\||&&?|;|2?>|<$|→|\\$)", word):
            break
        ends = word.endswith((";", ")"))
        words.append(re.sub(r"""["']""", "", word).rstrip(";)"))
        if ends:
            break
    return words


def code_of(path):
    """Lines of code of a page: number, text, and whether it is to be typed as it stands."""
    text = path.read_text()
    if path.suffix == ".yaml":
        for number, line in enumerate(text.splitlines(), 1):
            if line.lstrip().startswith("#") or " # " in line:
                comment = line.split("#", 1)[1]
                if re.match(r"\s+personalive ", comment):
                    yield number, comment.strip(), True
                for span in re.findall(r"'(personalive [^']+)'", comment):
                    yield number, span, False
        return
    fence, joined, begun = None, "", 0
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r"^\s*```(\w*)", line)
        if found:
            fence = None if fence is not None else found.group(1)
        elif fence in ("sh", "bash", "", "console") or fence is None and line.startswith("    "):
            begun = number if not joined else begun
            joined += line.strip().removeprefix("$ ")
            if joined.endswith("\\"):
                joined = joined[:-1] + " "
                continue
            yield begun, joined, True
            joined = ""
        elif fence is None:
            for span in re.findall(r"`([^`]+)`", line):
                yield number, span.replace("\\|", "|"), False


def slug(heading):
    """The anchor that a heading gets."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    return {slug(h) for h in re.findall(r"^#+ (.*)$", text, flags=re.M)}


def settings_of(graph):
    """Names under a graph's `settings:`."""
    text = graph.read_text()
    block = re.search(r"^settings:[^\n]*\n((?:[ #][^\n]*\n|\n)*)", text, flags=re.M)
    line = re.search(r"^settings: *\{([^}]*)\}", text, flags=re.M)
    names = re.findall(r"^  ([\w-]+):", block.group(1), flags=re.M) if block else []
    return set(names) | set(re.findall(r"([\w-]+):", line.group(1)) if line else [])


def command_faults(line, whole, programs):
    """What is wrong with the commands of a line of code."""
    for match in COMMAND.finditer(line):
        rest = line[match.end():]
        brackets = re.search(r"(^|\s)\[", rest)
        words = [w for w in split(re.sub(r"[\[\]]", "", rest) if brackets else rest)]
        whole_here = whole and not brackets and "…" not in rest
        fault = programs[match.group(1)].fault([w for w in words if not w.startswith("…")], whole_here)
        if fault:
            yield fault
        graph = next((w for w in words if re.match(r"^Graphs/.*\.yaml$", w)), None)
        if graph and (ROOT / graph).exists() and words[0] != "set":
            known = settings_of(ROOT / graph)
            for name in re.findall(r"--set ([\w-]+)=", rest):
                if name not in known:
                    yield f"{graph} has no setting '{name}'"
    for word in re.findall(r"[\w./-]+", line):
        if word.startswith(FOLDERS) and not word.startswith(MADE) and not re.search("NAME|Name[NC]", word):
            if not (ROOT / word.rstrip(".")).exists() and not any(c in word for c in "*~"):
                yield f"there is no '{word}'"


def sentences():
    """The text of all strings in the sources: joined where '+' joins them, `…` where a value is put in."""
    text = "\n".join(path.read_text() for path in sorted(ROOT.glob("Sources/**/*.swift")))
    text = re.sub(r"\\\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", "…", text)
    text = re.sub(r"\"\s*\+\s*\"", "", re.sub(r"\\\n\s*", "", text))
    return re.sub(r"\s+", " ", text.replace('\\"', '"'))


def sentence_faults():
    """Sentences that troubleshooting explains and that no source has any more."""
    page, known = ROOT / "docs/troubleshooting.md", sentences()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        row = re.match(r"^\| `([^`]+)` \|", line)
        # What stands before and behind a colon may be put together from two places.
        for part in re.split(r"…|[:;] ", row.group(1).replace("\\|", "|")) if row else []:
            part = part.strip(" ':;()")
            if len(part) > 7 and part not in known:
                yield f"docs/troubleshooting.md:{number}: no error says '{part}'"


# What a part of a graph may lack.
PARTIAL = {"unknown-node", "missing-setting", "unconnected-input", "dead-end", "missing-file", "unknown-end",
           "undefined-reference", "setting-without-value"}
# Kinds that a reader makes.
KINDS = ("'sepia'",)


def graph_faults(page, tool):
    """What `personalive check` finds in a page's blocks of YAML, besides what is not in them."""
    text = page.read_text()
    for block in re.finditer(r"^```yaml\n(.*?)^```", text, flags=re.S | re.M):
        graph = block.group(1)
        if not re.search(r"\buse:", re.sub(r"#.*", "", graph)):
            continue
        graph = re.sub(r"…,\s*|,?\s*…(?=\s*\})", "", re.sub(r"^.*: …$\n", "", graph, flags=re.M))
        if not re.search(r"^nodes:", graph, flags=re.M):
            graph = "nodes:\n" + textwrap.indent(textwrap.dedent(graph), "  ")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            file.write(graph)
            file.flush()
            # In the repository, whose plugins and files are meant.
            found = subprocess.run([tool, "check", "--format", "json", file.name], cwd=ROOT, capture_output=True)
        line = text[:block.start()].count("\n") + 1
        for fault in json.loads(found.stdout):
            if fault["code"] not in PARTIAL and not any(kind in fault["message"] for kind in KINDS):
                yield f"{page.relative_to(ROOT)}:{line}: {fault['message']} ({fault['code']})"


def main():
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--tools", default=str(ROOT / ".build/release"))
    tools = pathlib.Path(reader.parse_args().tools)
    programs = {name: Commands(tools / name) for name in ("personalive", "personalive-bench")}
    targets = set(re.findall(r"^([a-z-]+(?: [a-z-]+)*):", (ROOT / "Makefile").read_text(), flags=re.M))
    targets = {word for names in targets for word in names.split()}
    faults, lines, links = list(sentence_faults()), 0, 0
    for path in [*PAGES, *sorted(ROOT.glob("Graphs/*.yaml"))]:
        place = path.relative_to(ROOT)
        for number, line, whole in code_of(path):
            lines += "personalive" in line
            for fault in command_faults(line, whole, programs):
                faults.append(f"{place}:{number}: {fault}: {line}")
            target = re.match(r"^make ([a-z-]+)", line)
            if target and target.group(1) not in targets:
                faults.append(f"{place}:{number}: there is no target '{target.group(1)}': {line}")
        if path.suffix == ".yaml":
            continue
        faults += graph_faults(path, tools / "personalive")
        text = re.sub(r"```.*?```", lambda m: "\n" * m.group().count("\n"), path.read_text(), flags=re.S)
        for number, line in enumerate(text.splitlines(), 1):
            for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
                if re.match(r"^[a-z]+:", link):
                    continue
                links += 1
                name, _, anchor = link.partition("#")
                target = (path.parent / name).resolve() if name else path
                if not target.exists():
                    faults.append(f"{place}:{number}: the link leads nowhere: {link}")
                elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                    faults.append(f"{place}:{number}: {name or place} has no heading '{anchor}'")
    print("\n".join(faults + [f"{lines} commands, {links} links, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
