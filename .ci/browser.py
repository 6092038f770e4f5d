"""Support for .ci/console.py: a browser, a stand-in for the API, and accessibility checks."""
import base64
import contextlib
import datetime
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import typing
import urllib.parse
import uuid

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

SCREENSHOTS = pathlib.Path("target/screenshots")
PATIENCE = 120  # seconds to wait for what must come; a slow machine is no failure
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "ci", "AWS_SECRET_ACCESS_KEY": "ci", "NO_PROXY": "localhost,127.0.0.1"}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--hide-scrollbars", "--window-size=1280,1000"]


def check(what, condition, seen=""):
    print(f"{'ok' if condition else 'FAILED'}: {what}", flush=True)
    if not condition:
        sys.exit(f"{what}: {seen}")


@contextlib.contextmanager
def process(*command, stderr=None, **variables):
    """A program whose standard output tells where it listens."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, **CREDENTIALS, **variables})
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def address(child):
    """The first address that a program prints."""
    return re.search(r"http://\S+", child.stdout.readline()).group()


def quietly(find):
    """Elements disappear while the page is redrawn: then there is nothing, and one looks again."""
    try:
        return find()
    except Exception:
        return None


class Browser:
    """Headless Chromium with a fresh profile. Keeps its log and its requests."""

    def __init__(self):
        self.profile = tempfile.mkdtemp()
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in [*FLAGS, f"--user-data-dir={self.profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
        self.requests, self.complaints = [], []
        self.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, url):
        # An address that differs in its fragment only would not load the page again.
        self.driver.get("about:blank")
        self.driver.get(url)

    def media(self, **features):
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def wait(self, what, condition):
        try:
            result = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1).until(lambda _: quietly(condition))
        except Exception:
            self.shot("broken", ["light"])
            check(what, False, self.text("body")[:2000])
        check(what, True)
        return result

    def one(self, css, text=""):
        """The first visible element with this text, which may take a while to appear."""
        def find():
            return next((e for e in self.all(css) if e.is_displayed() and text in (e.text or e.accessible_name)), None)
        try:
            return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1).until(lambda _: quietly(find))
        except Exception:
            self.shot("broken", ["light"])
            sys.exit(f"no {css} with {text!r} in: {self.text('body')[:2000]}")

    def gone(self, what, css):
        """Waits until there is no such element, or none that one sees."""
        self.wait(what, lambda: not [e for e in self.all(css) if e.is_displayed()])

    def redrawn(self, what, css, action):
        """Waits until an action has replaced an element."""
        self.driver.execute_script("arguments[0].dataset.old = ''", self.one(css))
        action()
        self.wait(what, lambda: self.all(css) and not self.all(f"{css}[data-old]"))

    def size(self, width=None, height=844):
        """Sets the size of the window, or the usual one again."""
        if width:
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        else:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    @property
    def hash(self):
        """The part of the address behind the secret."""
        return self.driver.execute_script("return location.hash")

    def texts(self, css):
        return self.driver.execute_script("return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", css)

    def attributes(self, css, name):
        return self.driver.execute_script("return [...document.querySelectorAll(arguments[0])].map((one) => one.getAttribute(arguments[1]))", css, name)

    def copied(self):
        """What the page has put on the clipboard."""
        return self.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))")

    def text(self, css):
        return self.driver.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def focused(self):
        element = self.driver.switch_to.active_element
        return element.text or element.accessible_name

    def keys(self, *keys):
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def shot(self, name, schemes=("light", "dark")):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for scheme in schemes:
            self.media(prefers_color_scheme=scheme)
            self.driver.save_screenshot(str(SCREENSHOTS / f"{name}-{scheme}.png"))
        self.media()

    def logs(self):
        """Adds what the browser has logged since."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                sent = message["params"]
                self.requests.append(Asked(sent["timestamp"], sent["request"]["method"], sent["request"]["url"]))
        self.complaints += [entry["message"] for entry in self.driver.get_log("browser")]


CONTRAST = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
const pixel = (...colours) => {
  canvas.clearRect(0, 0, 1, 1);
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const poor = [];
for (const element of document.querySelectorAll('body *')) {
  const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join('');
  if (!text || !element.checkVisibility() || element.matches(':disabled') || element.closest('.visually-hidden, svg')) continue;
  const grounds = [];
  for (let e = element; e; e = e.parentElement) grounds.unshift(getComputedStyle(e).backgroundColor);
  const colour = getComputedStyle(element).color;
  const [a, b] = [luminance(pixel(...grounds)), luminance(pixel(...grounds, colour))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) poor.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return poor;
"""


# Roles that need a name.
NAMED = {"button", "checkbox", "Date", "dialog", "image", "link", "navigation", "radio", "region", "spinbutton", "table", "textbox"}

# What is cut off, unless a tooltip has the whole text.
CUT_OFF = """
return [...document.querySelectorAll('body *')].filter((element) => {
  if (!element.checkVisibility() || element.closest('.visually-hidden, .skip, svg, [title], .folded') || element.querySelector('[title]')) return false;
  const { overflowX } = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return (overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1) || (element.innerText && box.width > 0 && box.right > innerWidth + 1);
}).map((element) => element.outerHTML.slice(0, 200));
"""


def check_for_everybody(browser, name):
    """Checks names for screen readers, contrast in both schemes and a narrow window; takes screenshots."""
    # What screen readers get: a modal dialog hides the rest of the page.
    tree = [node for node in browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"] if not node["ignored"]]
    named = [node for node in tree if node["role"]["value"] in NAMED]
    nameless = [node for node in named if not node.get("name", {}).get("value")]
    check(f"{name}: every control, table and picture has a name", named and not nameless, nameless)
    for scheme in ["light", "dark"]:
        browser.media(prefers_color_scheme=scheme)
        poor = browser.driver.execute_script(CONTRAST)
        check(f"{name}: text has a contrast of 4.5 or more, {scheme}", not poor, poor)
    for width, height in [(1280, 1000), (390, 1200)]:
        browser.size(width, height)
        wide = browser.driver.execute_script("return document.documentElement.scrollWidth")
        cut = browser.driver.execute_script(CUT_OFF)
        check(f"{name}: fits a window of {width} pixels, and nothing is cut off", wide <= width and not cut, [wide, cut])
        browser.shot(name if width == 1280 else f"{name}-{width}")
    browser.size()


def sample_runs(name, number, gap=420, running=2, failing=14):
    """Runs as they might have been, newest first, always the same but for the time."""
    chance = random.Random(7)
    started = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=48)
    runs = []
    for index in range(number):
        status = "RUNNING" if index < running else chance.choices(["SUCCEEDED", "FAILED", "TIMED_OUT"], [80, failing, 6])[0]
        seconds = {"SUCCEEDED": chance.lognormvariate(4.4, .8), "FAILED": chance.lognormvariate(2.6, 1), "TIMED_OUT": 3600}.get(status)
        run_id = str(uuid.UUID(int=chance.getrandbits(128), version=5))
        run = {"workflowRunArn": f"arn:aws:nova-act:us-east-1:123456789012:workflow-definition/{name}/workflow-run/{run_id}",
               "workflowRunId": run_id, "status": status, "startedAt": iso(started), "modelId": "nova-act-latest", "logGroupName": f"/workflow-runs/{name}"}
        if seconds:
            run["endedAt"] = iso(started + datetime.timedelta(seconds=seconds))
        runs.append(run)
        started -= datetime.timedelta(seconds=chance.expovariate(1 / gap))
    return runs


def iso(time):
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tunnel(port):
    """A proxy that connects every request to one port of this machine."""
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in [source, sink]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port())) as upstream:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                threading.Thread(target=pump, args=(upstream, self.connection), daemon=True).start()
                pump(self.connection, upstream)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Asked(typing.NamedTuple):
    """A request: when it came, or was sent, and for what."""
    time: float
    method: str
    url: str


class StandIn:
    """An API that answers from samples, or whatever `mode` says: (status, error name, message, headers)."""

    def __init__(self, certificate=None):
        created = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=12)
        self.runs = {"checkout-flow": sample_runs("checkout-flow", 50),
                     "invoice-intake": sample_runs("invoice-intake", 34, gap=5400, running=0, failing=60),
                     # Runs every half minute of the last day, and one that nobody has ended.
                     "nightly-regression": sample_runs("nightly-regression", 3200, gap=27, running=4, failing=1),
                     "returns-portal": []}
        self.runs["nightly-regression"][230] |= {"status": "RUNNING"}
        self.runs["nightly-regression"][230].pop("endedAt", None)
        self.definitions = {name: {"name": name, "status": "ACTIVE", "createdAt": iso(created - datetime.timedelta(days=9 * n)),
                                   "arn": f"arn:aws:nova-act:us-east-1:123456789012:workflow-definition/{name}"}
                            for n, name in enumerate(self.runs)}
        self.definitions["checkout-flow"]["description"] = "Buys one item as a guest, pays with the test card and checks the confirmation mail."
        self.mode = None
        self.delay = 0
        self.asked = []
        self.certificate = certificate
        self.server = None
        self.start()

    def start(self, port=0):
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                stand_in.asked.append(Asked(time.monotonic(), self.command, self.path))
                time.sleep(stand_in.delay)
                status, body, headers = stand_in.answer(self.command, urllib.parse.urlsplit(self.path), json.loads(body or b"{}"))
                body = json.dumps(body).encode()
                self.send_response(status)
                # No kept connection: a stopped server is gone at once, and no request meets one that is being closed.
                common = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
                for name, value in {**common, **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)
            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.handle_error = lambda *_: None
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.certificate.configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.port = self.server.server_port

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, url, body):
        if self.mode:
            status, error, message, headers = self.mode
            return status, {"__type": error, "message": message}, {"x-amzn-errortype": error, "x-amzn-requestid": "5f0c-ci", **headers}
        parts = [part for part in url.path.partition("/workflow-definitions")[2].split("/") if part]
        query = dict(urllib.parse.parse_qsl(url.query))
        definition = self.definitions.get(parts[0]) if parts else None
        runs = self.runs[parts[0]] if definition else []
        run = next((run for run in runs if run["workflowRunId"] == parts[2]), None) if len(parts) == 3 else None
        match (method, len(parts)):
            case ("POST", 0):
                return 200, page("workflowDefinitionSummaries", list(map(definition_summary, self.definitions.values())), query, body), {}
            case ("GET", 1) if definition:
                return 200, definition, {}
            case ("DELETE", 1) if definition:
                definition["status"] = "DELETING"
                return 202, {"status": "DELETING"}, {}
            case ("POST", 2) if definition:
                return 200, page("workflowRunSummaries", list(map(run_summary, runs)), query, body), {}
            case ("GET", 3) if run:
                return 200, run, {}
            case ("PUT", 3) if run and run["status"] == "RUNNING":
                run |= {"status": body["status"], "endedAt": iso(datetime.datetime.now(datetime.timezone.utc))}
                return 200, {}, {}
            case ("PUT", 3) if run and run["status"] != body["status"]:
                error = {"__type": "ConflictException", "message": "The run has ended", "resourceId": parts[2], "resourceType": "workflow-run"}
                return 409, error, {"x-amzn-errortype": "ConflictException"}
        missing = "workflow-run" if definition else "workflow-definition"
        return 404, {"__type": "ResourceNotFoundException", "message": f"{missing} not found", "resourceId": parts[-1] if parts else "",
                     "resourceType": missing}, {"x-amzn-errortype": "ResourceNotFoundException"}


def definition_summary(definition):
    return {"workflowDefinitionArn": definition["arn"], "workflowDefinitionName": definition["name"], "createdAt": definition["createdAt"],
            "status": definition["status"]}


def run_summary(run):
    return {name: value for name, value in run.items() if name not in ["modelId", "logGroupName"]}


def page(member, summaries, query, body):
    """A page of a list. A token is a position: the time and the name of the last result."""
    def key(one):
        return f"{one.get('startedAt') or one['createdAt']}/{one.get('workflowRunId') or one['workflowDefinitionName']}"
    is_ascending = body.get("sortOrder") == "Ascending"
    summaries = sorted(summaries, key=key, reverse=not is_ascending)
    if token := query.get("nextToken"):
        position = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        summaries = [one for one in summaries if (key(one) > position if is_ascending else key(one) < position)]
    number = int(query.get("maxResults", 100))
    found = {member: summaries[:number]}
    if len(summaries) > number:
        found["nextToken"] = base64.urlsafe_b64encode(key(found[member][-1]).encode()).decode().rstrip("=")
    return found
