"""Support for .ci/console.py: a browser, a stand-in for the API, and accessibility checks."""
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
import urllib.parse
import uuid

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

SCREENSHOTS = pathlib.Path("target/screenshots")
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

    def wait(self, what, condition, seconds=15):
        try:
            result = WebDriverWait(self.driver, seconds, poll_frequency=0.1).until(lambda _: condition())
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
            return WebDriverWait(self.driver, 15, poll_frequency=0.1, ignored_exceptions=[]).until(lambda _: quietly(find))
        except Exception:
            self.shot("broken", ["light"])
            sys.exit(f"no {css} with {text!r} in: {self.text('body')[:2000]}")

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
                self.requests.append((message["params"]["request"]["method"], message["params"]["request"]["url"]))
        self.complaints += [entry["message"] for entry in self.driver.get_log("browser")]


def quietly(find):
    """Elements disappear while the page is redrawn: look again."""
    try:
        return find()
    except Exception:
        return None


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


def check_for_everybody(browser, name):
    """Checks names for screen readers, contrast in both schemes and a narrow window; takes screenshots."""
    # A modal dialog hides the rest of the page from screen readers.
    scope = "dialog" if browser.all("dialog") else "body"
    kinds = ["a", "button", "input", "textarea", "nav", "table", "[role=img]", "[role=region]"]
    nameless = [e.get_attribute("outerHTML") for e in browser.all(", ".join(f"{scope} {kind}" for kind in kinds))
                if e.is_displayed() and not e.accessible_name]
    check(f"{name}: every control, table and picture has a name", not nameless, nameless)
    for scheme in ["light", "dark"]:
        browser.media(prefers_color_scheme=scheme)
        time.sleep(0.1)
        poor = browser.driver.execute_script(CONTRAST)
        check(f"{name}: text has a contrast of 4.5 or more, {scheme}", not poor, poor)
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False})
    wide = browser.driver.execute_script("return document.documentElement.scrollWidth")
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    check(f"{name}: fits a window of 390 pixels", wide <= 390, wide)
    browser.shot(name)


def sample_runs(name, number):
    """Runs as they might have been, always the same but for the time."""
    chance = random.Random(7)
    started = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=48)
    runs = []
    for index in range(number):
        status = "RUNNING" if index < 2 else chance.choices(["SUCCEEDED", "FAILED", "TIMED_OUT"], [80, 14, 6])[0]
        seconds = {"SUCCEEDED": chance.lognormvariate(4.4, .8), "FAILED": chance.lognormvariate(2.6, 1), "TIMED_OUT": 1800}.get(status)
        run_id = str(uuid.UUID(int=chance.getrandbits(128), version=5))
        run = {"workflowRunArn": f"arn:aws:nova-act:us-east-1:123456789012:workflow-definition/{name}/workflow-run/{run_id}",
               "workflowRunId": run_id, "status": status, "startedAt": iso(started), "modelId": "nova-act-latest", "logGroupName": f"/workflow-runs/{name}"}
        if seconds:
            run["endedAt"] = iso(started + datetime.timedelta(seconds=seconds))
        runs.append(run)
        started -= datetime.timedelta(seconds=chance.expovariate(1 / 420))
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


class StandIn:
    """An API that answers reads from samples, or whatever `mode` says: (status, error name, message, headers)."""

    def __init__(self, certificate=None):
        created = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=12)
        names = ["checkout-flow", "invoice-intake", "nightly-regression", "returns-portal"]
        self.definitions = [{"workflowDefinitionName": name, "status": "ACTIVE", "createdAt": iso(created - datetime.timedelta(days=9 * n)),
                             "workflowDefinitionArn": f"arn:aws:nova-act:us-east-1:123456789012:workflow-definition/{name}"}
                            for n, name in enumerate(names)]
        self.runs = sample_runs("checkout-flow", 50)
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
                self.rfile.read(int(self.headers.get("content-length") or 0))
                stand_in.asked.append((self.command, self.path, dict(self.headers)))
                time.sleep(stand_in.delay)
                status, body, headers = stand_in.answer(self.command, urllib.parse.urlsplit(self.path).path)
                body = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)
                # So that a stopped server is gone at once, and no kept connection still reaches it.
                self.close_connection = True
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

    def answer(self, method, path):
        if self.mode:
            status, error, message, headers = self.mode
            return status, {"__type": error, "message": message}, {"x-amzn-errortype": error, "x-amzn-requestid": "5f0c-ci", **headers}
        parts = path.partition("/workflow-definitions")[2].strip("/").split("/")
        parts = [part for part in parts if part]
        runs = self.runs if parts[:1] == ["checkout-flow"] else []
        summary = ["workflowRunArn", "workflowRunId", "status", "startedAt", "endedAt"]
        match (method, len(parts)):
            case ("POST", 0):
                return 200, {"workflowDefinitionSummaries": self.definitions}, {}
            case ("GET", 1):
                found = next((d for d in self.definitions if d["workflowDefinitionName"] == parts[0]), None)
                if found:
                    description = "Buys one item as a guest, pays with the test card and checks the confirmation mail."
                    return 200, {"name": parts[0], "arn": found["workflowDefinitionArn"], "createdAt": found["createdAt"], "status": "ACTIVE",
                                 **({"description": description} if runs else {})}, {}
            case ("POST", 2):
                return 200, {"workflowRunSummaries": [{k: v for k, v in run.items() if k in summary} for run in runs]}, {}
            case ("GET", 3):
                found = next((run for run in runs if run["workflowRunId"] == parts[2]), None)
                if found:
                    return 200, found, {}
        return 404, {"__type": "ResourceNotFoundException", "message": "Workflow definition not found", "resourceId": "".join(parts[:1]),
                     "resourceType": "workflow-definition"}, {"x-amzn-errortype": "ResourceNotFoundException"}
