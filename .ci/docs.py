#!/usr/bin/env python3
"""Checks the documentation: no broken link, no test that does not exist, no figure left open (`@@`), the versions that CI pins,
a README and docs/ that stay short, and commands that do what they say.

usage: docs.py [--links]

Runs the `sh` and `python` blocks of README.md, docs/api.md and docs/console.md as they stand there, in order, in the repository and
in one environment: what a block exports, the next one sees. A `python` block of docs/api.md also sees the README's client. Then it
compares the lines of a `text` block after them with their output; `…` stands for anything. Servers stay in the background until the
end. Every other `sh` block in docs/ must be one that another script in .ci/ runs. With --links nothing is run.

Not run: a block after a paragraph that begins with **Needs AWS**, and lines that .ci/run has too.

If the usual ports are taken, the servers get others, and the blocks get them too. The console gets the local server for a stack.
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
PAGES_TO_RUN = ["README.md", "docs/api.md", "docs/console.md"]
LARGEST_README, LONGEST_DOCS = 9_216, 1_000
SERVER, CONSOLE = "cargo run -p local", "cargo run -p console -- "
IN_RUN = ["cargo test", "sam build"]
# What the other scripts run: blocks that call AWS, signed requests, and the scripts among the examples.
ELSEWHERE = re.compile(r"^aws |\$\(aws |--aws-sigv4|^sh examples/|\A(sam .*\n)+\Z", re.MULTILINE)
PORTS = {"--port": "3000", "--aws-port": "4566"}
CONSOLE_PORT, STACK, SECRET = "8080", "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod", "1f0c…"
SECONDS_TO_RUN = 900
RECORDED_RUN = """
def status(run):
    return client.get_workflow_run(workflowDefinitionName="invoices", workflowRunId=run["workflowRunId"])["status"]

with recorded_run("invoices", "succeeds") as run:
    assert run["status"] == status(run) == "RUNNING"
assert status(run) == "SUCCEEDED"

class AgentFailed(Exception):
    pass

try:
    with recorded_run("invoices", "fails") as run:
        raise AgentFailed
except AgentFailed:
    assert status(run) == "FAILED"
else:
    raise AssertionError("the agent's exception is lost")
with recorded_run("invoices", "fails") as again:
    assert (again["workflowRunId"], again["status"]) == (run["workflowRunId"], "FAILED")
assert status(again) == "FAILED"

died = recorded_run("invoices", "dies")
run = died.__enter__()
with recorded_run("invoices", "dies") as again:
    assert (again["workflowRunId"], again["status"]) == (run["workflowRunId"], "RUNNING")
assert status(run) == "SUCCEEDED"
"""

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


def blocks(page):
    """The fenced blocks of a page: the line, the language, the text, and whether it needs AWS."""
    text = (ROOT / page).read_text()
    for block in FENCE.finditer(text):
        before = text[:block.start()].rstrip("\n")
        paragraph = before.rsplit("\n\n", 1)[-1]
        yield f"{page}:{before.count(chr(10)) + 2}", block[1], block[2], paragraph.startswith("**Needs AWS**")


def in_run(line):
    return re.search(rf"^{re.escape(line)}( --locked)?$", (ROOT / ".ci/run").read_text(), re.MULTILINE)


def never_run():
    """Commands in docs/ that neither this script nor another one runs."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        page = str(page.relative_to(ROOT))
        for place, language, text, _ in blocks(page):
            if language == "sh" and page not in PAGES_TO_RUN and not ELSEWHERE.search(text) and not all(map(in_run, text.splitlines())):
                yield f"{place}: no script in .ci/ runs this:\n{text}"


def long_pages():
    size = (ROOT / "README.md").stat().st_size
    if size > LARGEST_README:
        yield f"README.md has {size} bytes, {size - LARGEST_README} too many"
    lines = sum(len(page.read_text().splitlines()) for page in (ROOT / "docs").glob("*.md"))
    if lines > LONGEST_DOCS:
        yield f"docs/ has {lines} lines, {lines - LONGEST_DOCS} too many"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def is_taken(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", int(port))) == 0


class Reader:
    """Somebody who types what the pages say."""

    def __init__(self, scratch, stack):
        self.scratch, self.exports, self.stack = scratch, scratch / "exports", stack
        self.exports.write_text("")
        taken = any(map(is_taken, [*PORTS.values(), CONSOLE_PORT]))
        self.ports = {port: free_port() if taken else port for port in [*PORTS.values(), CONSOLE_PORT]}
        self.logs, self.secret, self.client = [], None, ""
        # No configuration of the machine's: a command must do what it says for everybody. pip takes CI's versions.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PAGER": "",
                             "NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1",
                             "XDG_RUNTIME_DIR": str(scratch), "PIP_CONSTRAINT": str(ROOT / ".ci/requirements.txt")}

    def here(self, text):
        """The text with the ports, the stack and the secret of this run."""
        for port, ours in self.ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{ours}")
        text = text.replace(STACK, f"http://127.0.0.1:{self.ports[PORTS['--port']]}")
        return text.replace(SECRET, self.secret) if self.secret else text

    def start(self, text):
        """Runs a block in the background, waits until its server listens, and returns its output."""
        if SERVER in text:
            ports = {option: self.ports[port] for option, port in PORTS.items()}
            options = " ".join(f"{option} {port}" for option, port in ports.items())
            command = text.replace(SERVER, f"{SERVER} -- {options}")
        else:
            ports = {"--port": self.ports[CONSOLE_PORT]}
            command = self.here(text).replace(CONSOLE, f"{CONSOLE}--port {ports['--port']} ")
        self.logs.append(self.scratch / f"server-{len(self.logs)}")
        log = self.stack.enter_context(self.logs[-1].open("w"))
        server = subprocess.Popen(["sh", "-ec", f". {shlex.quote(str(self.exports))}\n{command}"], cwd=ROOT, stdout=log,
                                  stderr=subprocess.STDOUT, start_new_session=True, env=self.environment)
        self.stack.callback(self.stop, server)
        for _ in range(SECONDS_TO_RUN * 10):
            output = self.logs[-1].read_text()
            if all(map(is_taken, ports.values())) and "http://" in output:
                if secret := re.search(r"^Console +http://[^/]+/([^/]+)/", output, re.MULTILINE):
                    self.secret = secret[1]
                return output
            if server.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"this did not start:\n{command}\n{self.logs[-1].read_text()}")

    @staticmethod
    def stop(server):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)

    def run(self, place, language, text):
        """Runs a block, and returns its output."""
        exports = shlex.quote(str(self.exports))
        program = f"exec python3 - <<'END_OF_BLOCK'\n{text}END_OF_BLOCK\n" if language == "python" else \
            f"{text}\nexport -p > {exports}\n"
        done = subprocess.run(["sh", "-ec", f". {exports}\n{self.here(program)}"], cwd=ROOT, env=self.environment,
                              capture_output=True, text=True, timeout=SECONDS_TO_RUN)
        if done.returncode:
            logs = "\n".join(log.read_text() for log in self.logs)
            sys.exit(f"{place} ended with {done.returncode}:\n{text}\n{done.stdout}\n{done.stderr}\n{logs}")
        return done.stdout.replace("\r", "")

    def run_python(self, place, text):
        """Runs a program; one without a client gets the one that the README has made."""
        if not self.client:
            self.client, calls, _ = text.partition("\nclient.create_workflow_definition(")
            if not calls:
                sys.exit(f"{place} has no client")
            output = self.run(place, "python", text)
            self.run(f"{place}, with runs that fail and restart", "python", self.client + RECORDED_RUN)
            return output
        return self.run(place, "python", f"{self.client}\n{text}")


def check_output(place, expected, output):
    """Each expected line is a line of the output, in this order."""
    rest = iter(output.splitlines())
    for wanted in filter(None, expected.splitlines()):
        pattern = ".*".join(map(re.escape, wanted.rstrip().split("…")))
        if not any(re.fullmatch(pattern, seen.rstrip()) for seen in rest):
            sys.exit(f"{place}: {wanted}\nis not in the output, or not in this place:\n{output}")


def run_pages():
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reader, output = Reader(scratch, stack), None
        for place, language, text, needs_aws in (block for page in PAGES_TO_RUN for block in blocks(page)):
            if needs_aws or language not in ("sh", "python", "text") or "--aws-sigv4" in text:
                print(f"not run: {place} ({'needs AWS' if needs_aws else 'curl.py does' if language == 'sh' else language or 'no language'})")
                output = None
                continue
            if language == "text":
                if output is None:
                    sys.exit(f"{place}: no command comes before this output")
                check_output(place, reader.here(text), output)
            elif language == "python":
                output = reader.run_python(place, text)
            elif SERVER in text or CONSOLE in text:
                output = reader.start(text)
            else:
                for line in IN_RUN:
                    if line in text.splitlines() and not in_run(line):
                        sys.exit(f"{place}: .ci/run does not run {line}")
                output = reader.run(place, language, "".join(line for line in text.splitlines(True) if line.strip() not in IN_RUN))
            print(f"ok: {place}", flush=True)


def main():
    if broken := [*broken_links(), *missing_tests(), *placeholders(), *stale_versions(), *never_run(), *long_pages()]:
        sys.exit("\n".join(broken))
    print("ok: no link is broken, every test exists, no figure is left open, some script runs each command, and the pages are short")
    if sys.argv[1:] != ["--links"]:
        run_pages()


if __name__ == "__main__":
    main()
