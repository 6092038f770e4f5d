#!/usr/bin/env python3
"""Checks the documentation: no broken link, no test that does not exist, no figure left open (`@@`), the versions that CI pins,
a README that stays short, and commands that do what it says.

usage: docs.py [--links]

Runs the `sh` and `python` blocks of README.md as they stand there, in order, in the repository and in one environment:
what a block exports, the next one sees. Then it compares the lines of a `text` block after them with their output; `…`
stands for anything. Two blocks are treated in a way of their own:

* one with the local server (`cargo run -p local`) stays in the background, until the end;
* one with `cargo test` is not run, since .ci/run must do that anyway.

A block after a paragraph that begins with **Needs AWS** is not run. With --links nothing is.

If the local server's usual ports are taken, it gets others, and the blocks get them too.
"""
import contextlib
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
LARGEST_README = 9_216
SERVER, TESTS = "cargo run -p local", "cargo test"
PORTS = {"--port": "3000", "--aws-port": "4566"}
SECONDS_TO_START, SECONDS_TO_RUN = 900, 120

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Inline links, images, and reference definitions. The destination ends at a space (a title) or a parenthesis.
LINK = re.compile(r"\]\(\s*<?([^\s)>]+)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)


def anchors(page):
    """The anchors that GitHub makes of a page's headings, and those in its HTML."""
    found, text = set(), FENCE.sub("", page.read_text())
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", text, re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        repeated = next(n for n in range(len(found) + 1) if (f"{slug}-{n}" if n else slug) not in found)
        found.add(f"{slug}-{repeated}" if repeated else slug)
    return found | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def all_pages():
    return [ROOT / page for page in PAGES] + sorted((ROOT / "docs").glob("*.md"))


def broken_links():
    for page in all_pages():
        text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))
        for target in (inline or reference for inline, reference in LINK.findall(text)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.is_relative_to(ROOT) or not file.exists():
                yield f"{page.relative_to(ROOT)}: {target}: there is no such file"
            elif anchor and (file.suffix != ".md" or anchor not in anchors(file)):
                yield f"{page.relative_to(ROOT)}: {target}: there is no such heading"


def missing_tests():
    """Tests that the documentation names, as `module::test` or `…::test`, and that do not exist."""
    sources = "\n".join(file.read_text() for part in ("tests", "local", "console") for file in (ROOT / part).rglob("*.rs"))
    for page in sorted((ROOT / "docs").glob("*.md")):
        for test in re.findall(r"`(?:\w+::|…::)+([a-z]+_\w+)`", page.read_text()):
            if not re.search(rf"\bfn {test}\(", sources):
                yield f"{page.relative_to(ROOT)}: {test}: there is no such test"


def placeholders():
    """Lines with a figure that somebody still has to fill in."""
    for page in all_pages():
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if "@@" in line:
                yield f"{page.relative_to(ROOT)}:{number}: @@ is still to be filled in"


def stale_versions():
    """Versions of CI's tools that the documentation has otherwise than the requirements."""
    witnesses = (ROOT / "docs/operations.md").read_text().partition("## Not verified")[2]
    for file in sorted((ROOT / ".ci").glob("requirements*.txt")):
        for name, version in re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", file.read_text(), re.MULTILINE):
            if re.search(rf"\b{name} \d", witnesses) and not re.search(rf"\b{name} (\S+ and )?{re.escape(version)}(?![.\d])", witnesses):
                yield f"docs/operations.md: {file.name} has {name} {version}"


def blocks():
    """The README's fenced blocks: the line, the language, the text, and whether it needs AWS."""
    readme = (ROOT / "README.md").read_text()
    for block in FENCE.finditer(readme):
        before = readme[:block.start()].rstrip("\n")
        paragraph = before.rsplit("\n\n", 1)[-1]
        yield before.count("\n") + 2, block[1], block[2], paragraph.startswith("**Needs AWS**")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def is_taken(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", int(port))) == 0


class Reader:
    """Somebody who types what the README says."""

    def __init__(self, scratch, stack):
        self.exports, self.server_log, self.stack = scratch / "exports", scratch / "server", stack
        self.exports.write_text("")
        taken = any(map(is_taken, PORTS.values()))
        self.ports = {option: free_port() if taken else port for option, port in PORTS.items()}
        self.options = "".join(f" {option} {port}" for option, port in self.ports.items())
        self.options = f" --{self.options}" if taken else ""
        # No configuration of the machine's: a command must do what it says for everybody.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PAGER": "",
                             "NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}

    def with_ports(self, text):
        for option, port in PORTS.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.ports[option]}")
        return text

    def start(self, text):
        """Runs a block in the background and waits until the server listens."""
        log = self.stack.enter_context(self.server_log.open("w"))
        server = subprocess.Popen(["sh", "-ec", text.replace(SERVER, SERVER + self.options)], cwd=ROOT, stdout=log,
                                  stderr=subprocess.STDOUT, start_new_session=True, env=self.environment)
        self.stack.callback(self.stop, server)
        for _ in range(SECONDS_TO_START * 10):
            if all(map(is_taken, self.ports.values())):
                return
            if server.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"the local server did not start:\n{self.server_log.read_text()}")

    @staticmethod
    def stop(server):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)

    def run(self, line, language, text):
        """Runs a block, and returns its output."""
        exports = shlex.quote(str(self.exports))
        program = f"exec {shlex.quote(sys.executable)} - <<'END_OF_BLOCK'\n{text}END_OF_BLOCK\n" if language == "python" else \
            f"{text}\nexport -p > {exports}\n"
        done = subprocess.run(["sh", "-ec", f". {exports}\n{self.with_ports(program)}"], cwd=ROOT, env=self.environment,
                              capture_output=True, text=True, timeout=SECONDS_TO_RUN)
        if done.returncode:
            log = self.server_log.read_text() if self.server_log.exists() else ""
            sys.exit(f"README.md:{line} ended with {done.returncode}:\n{text}\n{done.stdout}\n{done.stderr}\n{log}")
        return done.stdout.replace("\r", "")


def check_output(line, expected, output):
    """Each expected line is a line of the output, in this order."""
    rest = iter(output.splitlines())
    for wanted in filter(None, expected.splitlines()):
        pattern = ".*".join(map(re.escape, wanted.rstrip().split("…")))
        if not any(re.fullmatch(pattern, seen.rstrip()) for seen in rest):
            sys.exit(f"README.md:{line}: {wanted}\nis not in the output, or not in this place:\n{output}")


def run_readme():
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reader, output = Reader(scratch, stack), None
        for line, language, text, needs_aws in blocks():
            if needs_aws or language not in ("sh", "python", "text"):
                print(f"not run: README.md:{line} ({'needs AWS' if needs_aws else language or 'no language'})")
                output = None
                continue
            if language == "text":
                if output is None:
                    sys.exit(f"README.md:{line}: no command comes before this output")
                check_output(line, text, output)
            elif TESTS in text:
                if text.strip() != TESTS or not re.search(rf"^{TESTS}\b", (ROOT / ".ci/run").read_text(), re.MULTILINE):
                    sys.exit(f"README.md:{line}: .ci/run does not run this")
            elif SERVER in text:
                reader.start(text)
            else:
                output = reader.run(line, language, text)
            print(f"ok: README.md:{line}")


def main():
    if broken := [*broken_links(), *missing_tests(), *placeholders(), *stale_versions()]:
        sys.exit("\n".join(broken))
    size = (ROOT / "README.md").stat().st_size
    if size > LARGEST_README:
        sys.exit(f"README.md has {size} bytes, {size - LARGEST_README} too many")
    print(f"ok: no link is broken, every test exists, no figure is left open, and README.md has {size} bytes")
    if sys.argv[1:] != ["--links"]:
        run_readme()


if __name__ == "__main__":
    main()
