#!/usr/bin/env python3
"""The console and its page, as a person meets them: in a real browser, with the AWS CLI and with curl.

usage: console.py CONSOLE LOCAL

CONSOLE and LOCAL are the two programs. Pictures of all that was seen are left in target/screenshots.
"""
import contextlib
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import trustme

from browser import CREDENTIALS, Browser, Keys, StandIn, address, check, check_for_everybody, process, tunnel

CONSOLE, LOCAL = sys.argv[1:]
# The stand-in's name. The console reaches it over TLS and through a proxy, as it would API Gateway.
DEPLOYED = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod"
START = {"modelId": "nova-act-latest", "clientInfo": {"compatibilityVersion": 1}}
DENIED = (403, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: execute-api:Invoke", {})
THROTTLED = (429, "TooManyRequestsException", "Too Many Requests", {"retry-after": "8"})
FAILED = (500, "InternalServerException", "Internal server error", {"retry-after": "1"})


def call(url, method="GET", body=None):
    request = urllib.request.Request(url, method=method, data=body is not None and json.dumps(body).encode() or None)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def row(browser, run):
    return browser.one(f"tr[data-run='{run}']")


def newcomer(browser, api):
    """Opens the local server's address, starts a run with the command that the page shows, ends it and deletes it."""
    browser.open(api)
    browser.one("h1", "demo")
    browser.one("[data-state=empty] h2", "No runs yet")
    check_for_everybody(browser, "no-runs")
    command = browser.text("figure.command pre")
    started = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
    run = json.loads(started.stdout)["workflowRunId"]
    browser.wait("the run that the page's curl command has started appears by itself", lambda: "Running" in row(browser, run).text)
    browser.wait("its model appears", lambda: "nova-act-latest" in row(browser, run).text)
    check_for_everybody(browser, "first-run")

    browser.one(f"tr[data-run='{run}'] a").click()
    heading = browser.one("h1", run)
    check("a run has a page of its own, whose heading has the focus", heading == browser.driver.switch_to.active_element)
    browser.one("main button", "End run").click()
    browser.one("dialog h2", "End this run?")
    check("the question names the run", run in browser.text("dialog"))
    check("the question is a dialog with a name", browser.one("dialog").aria_role == "dialog" and browser.one("dialog").accessible_name == "End this run?")
    check_for_everybody(browser, "end-run")
    browser.keys(Keys.ESCAPE)
    browser.wait("Escape closes it", lambda: not browser.all("dialog"))
    check("and the focus is where it was", browser.focused() == "End run", browser.focused())
    browser.keys(Keys.ENTER)
    browser.one("dialog")
    browser.keys(Keys.ARROW_DOWN)
    browser.keys(Keys.ENTER)
    browser.wait("with the keyboard alone, the run ends as Failed", lambda: browser.text("main .badge") == "Failed" and not browser.all("dialog"))
    browser.wait("the focus is not lost with the button", lambda: browser.focused() == run)
    run_url = f"{api}/workflow-definitions/demo/workflow-runs/{run}"
    check("it has ended for the API too", call(run_url)[1]["status"] == "FAILED")
    check("a run ends once: there is no button any more", not [b for b in browser.all("main button") if b.text == "End run"])
    browser.wait("screen readers are told", lambda: browser.text("#announcer") == "Run ended: Failed")

    browser.one("main button", "Delete run").click()
    browser.one("dialog h2", "Delete this run?")
    check("the question names the run", run in browser.text("dialog"))
    check("a careless Enter says no", browser.focused() == "Cancel", browser.focused())
    check_for_everybody(browser, "delete-run")
    browser.keys(Keys.ENTER)
    browser.wait("Cancel deletes nothing", lambda: not browser.all("dialog") and call(run_url)[0] == 200)
    browser.one("main button", "Delete run").click()
    browser.one("dialog button.danger").click()
    browser.one("[data-state=empty] h2", "No runs yet")
    check("the run is deleted", call(run_url)[0] == 404)


def definitions(browser, console, api):
    """Creates a definition whose description is a script, and deletes it."""
    script = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'> & more"
    browser.open(console)
    browser.one("#create").click()
    browser.one("dialog h2", "Create a workflow definition")
    check("the first field has the focus", browser.focused() == "Name", browser.focused())
    check_for_everybody(browser, "create-definition")
    browser.keys("a b", Keys.ENTER)
    browser.wait("a bad name is refused where it stands", lambda: "letters, digits" in browser.text("#field-name-error"))
    check("and screen readers know", browser.one("#field-name").get_attribute("aria-invalid") == "true")
    browser.keys(Keys.CONTROL + "a")
    browser.keys("demo", Keys.ENTER)
    browser.one("dialog .error:not(:empty)")
    check_for_everybody(browser, "name-taken")
    browser.keys(Keys.CONTROL + "a")
    browser.keys("scripted", Keys.TAB, script)
    browser.one("dialog button.primary").click()
    browser.one("h1", "scripted")
    browser.wait("a description is text, never markup", lambda: browser.text(".description") == script)
    made = browser.driver.execute_script("return [window.pwned, document.querySelectorAll('main script, main img').length]")
    check("nothing in it has run", made == [None, 0], made)
    browser.wait("the list beside has it", lambda: "scripted" in browser.text("#definitions"))
    check("and marks it as the shown one", browser.one("#definitions [aria-current=page]").text.startswith("scripted"))
    check_for_everybody(browser, "description")

    call(f"{api}/workflow-definitions/scripted/workflow-runs", "PUT", START)
    browser.one("main button", "Delete definition").click()
    browser.one("dialog h2", "Delete scripted?")
    check("the question names the definition and says what goes with it", "scripted and all of its runs" in browser.text("dialog"))
    browser.shot("delete-definition")
    browser.one("dialog button.danger").click()
    browser.wait("a deleted definition is shown as such", lambda: browser.text(".head .badge") == "Deleting")
    browser.one("[data-state=deleting] h2", "This definition is being deleted")
    check_for_everybody(browser, "deleting")
    check("it is for the API too", call(f"{api}/workflow-definitions/scripted")[1]["status"] == "DELETING")


def paging(browser, console, api):
    """Goes through 250 runs, each of which is on one page."""
    call(f"{api}/workflow-definitions", "PUT", {"name": "many"})
    runs = f"{api}/workflow-definitions/many/workflow-runs"
    started = [call(runs, "PUT", START)[1]["workflowRunId"] for _ in range(250)]
    for index, run in enumerate(started[:220]):
        call(f"{runs}/{run}", "PUT", {"status": "FAILED" if index % 9 == 0 else "SUCCEEDED"})
    browser.open(f"{console}#/definitions/many")
    browser.one(".pager", "Page 1")
    browser.logs()
    seen, times = [], []
    for page in range(1, 6):
        browser.one(".pager .muted", f"Page {page}")
        seen += browser.driver.execute_script("return [...document.querySelectorAll('tr[data-run]')].map((row) => row.dataset.run)")
        times += browser.driver.execute_script("return [...document.querySelectorAll('tbody time')].map((time) => time.dateTime)")
        if page == 2:
            check("an older page says that it does not refresh itself", "only the newest page" in browser.text("#freshness"))
            check_for_everybody(browser, "page-2")
        if page < 5:
            browser.one(".pager button", "Older").send_keys(Keys.ENTER)
    check("five pages show 250 runs, each once", sorted(seen) == sorted(started), len(seen))
    check("newest first", times == sorted(times, reverse=True), times)
    check("the last page has no older one", not browser.one(".pager button", "Older").is_enabled())
    browser.logs()
    details = [url for method, url in browser.requests if method == "GET" and "/many/workflow-runs/" in url]
    check("details are read once, and only for runs on the screen", len(set(details)) == len(details) < 150, len(details))
    browser.one(".pager button", "Newest").click()
    browser.one(".pager .muted", "Page 1")
    run = call(runs, "PUT", START)[1]["workflowRunId"]
    browser.wait("the newest page refreshes itself again", lambda: row(browser, run))


def quiet(browser, console):
    """Asks for little, and for nothing while nobody looks."""
    browser.open(f"{console}#/definitions/demo")
    browser.one("h1", "demo")
    browser.logs()
    browser.requests.clear()
    time.sleep(11)
    browser.logs()
    check("an open page asks about once in five seconds", 1 <= len(browser.requests) <= 4, browser.requests)
    browser.driver.execute_script("""
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away });
        window.away = true; document.dispatchEvent(new Event('visibilitychange'));""")
    browser.requests.clear()
    time.sleep(7)
    browser.logs()
    check("a hidden one does not ask", browser.requests == [], browser.requests)
    browser.driver.execute_script("window.away = false; document.dispatchEvent(new Event('visibilitychange'));")
    time.sleep(1)
    browser.logs()
    check("and asks at once when somebody looks again", browser.requests != [])


def states(browser, console, stand_in):
    """Each state, in place of content and over it."""
    page = f"{console}#/definitions/checkout-flow"
    browser.media(prefers_reduced_motion="reduce")
    browser.open(page)
    browser.one("tbody tr")
    animated = "return document.getAnimations().length"
    check("nothing moves for whom it shall not", browser.driver.execute_script(animated) == 0)
    browser.media(prefers_reduced_motion="no-preference")
    check("else a running run pulses", browser.driver.execute_script(animated) > 0)
    browser.media()
    browser.wait("runs on the screen get their model and log group", lambda: not browser.all("tbody tr:nth-child(-n + 6) td.pending"))
    check("the picture is described in words", browser.one("[role=img]").accessible_name.startswith("50 runs: 2 running, "))
    check_for_everybody(browser, "runs")
    browser.one("tbody a").click()
    browser.one("dl.card")
    check_for_everybody(browser, "run")

    definitions, stand_in.definitions = stand_in.definitions, []
    browser.open(console)
    browser.one("[data-state=empty] h2", "No definitions yet")
    check_for_everybody(browser, "no-definitions")
    stand_in.definitions = definitions

    stand_in.delay = 3
    browser.open(page)
    browser.one("main [data-state=loading]")
    check("a slow answer is announced", browser.one("main [data-state=loading]").aria_role == "status")
    browser.shot("loading")
    stand_in.delay = 0
    browser.one("tbody tr")

    for kind, mode, title in [("denied", DENIED, "You are not allowed to do this"), ("throttled", THROTTLED, "The API is throttling requests"),
                              ("failed", FAILED, "The API has failed"), ("offline", None, "The API cannot be reached")]:
        stand_in.mode = mode
        if kind == "offline":
            stand_in.stop()
        browser.one("#refresh").click()
        browser.one(f"[data-notice={kind}]", title)
        check(f"{kind}: what was read stays, with its time", browser.all("tbody tr") and "Not updated since" in browser.text("#freshness"))
        browser.wait(f"{kind}: screen readers are told", lambda: title in browser.text("#announcer"))
        check_for_everybody(browser, f"{kind}-notice")
        browser.one("#notice button", "Try now").send_keys(Keys.ENTER)
        time.sleep(0.5)
        check(f"{kind}: trying now in vain keeps the focus", browser.focused() == "Try now", browser.focused())
        browser.open(page)
        browser.one(f"main [data-state={kind}] h2", title)
        check_for_everybody(browser, kind)
        if kind == "denied":
            arn = "arn:aws:execute-api:us-east-1:*:a1b2c3d4e5/prod/POST/workflow-definitions/checkout-flow/workflow-runs"
            check("denied: the page tells the permission", arn in browser.text("main"), browser.text("main"))
        stand_in.mode = None
        if kind == "offline":
            stand_in.start(stand_in.port)
        if kind == "throttled":
            browser.wait(f"{kind}: the page comes back by itself", lambda: browser.all("tbody tr"))
        else:
            browser.one("main button", "Try again").send_keys(Keys.ENTER)
            browser.one("tbody tr")
            check(f"{kind}: trying again brings the page back, and the focus to its heading", browser.focused() == "checkout-flow", browser.focused())

    stand_in.mode = THROTTLED
    browser.open(page)
    browser.one("main [data-state=throttled]")
    asked = len(stand_in.asked)
    # Longer than the page's own backoff.
    time.sleep(6.5)
    check("throttled: the page keeps quiet as long as Retry-After says", len(stand_in.asked) == asked, stand_in.asked[asked:])
    stand_in.mode = None

    browser.open(f"{console}#/definitions/gone")
    browser.one("[data-state=missing] h2", "This workflow definition does not exist")
    check_for_everybody(browser, "missing")


def keyboard(browser, console):
    """The order of the stops, and a dialog that keeps them."""
    browser.open(f"{console}#/definitions/checkout-flow")
    browser.one("tbody tr")
    browser.driver.execute_script("document.activeElement.blur()")
    stops = []
    for _ in range(12):
        browser.keys(Keys.TAB)
        stops.append(browser.focused().split("\n")[0])
    expected = ["Skip to the runs", "Workflow runs", "Refresh", "Create", "checkout-flow", "invoice-intake", "nightly-regression",
                "returns-portal", "Delete definition", "Runs"]
    check("Tab goes from top to bottom", stops[:10] == [*expected[:9], stops[9]] and stops[10].count("-") == 4, stops)
    browser.driver.execute_script("document.getElementById('skip').focus()")
    browser.keys(Keys.ENTER)
    check("the first stop skips to the content", browser.driver.switch_to.active_element.get_attribute("id") == "main")
    browser.one("#create").send_keys(Keys.ENTER)
    browser.one("dialog")
    inside = []
    for _ in range(7):
        browser.keys(Keys.TAB)
        inside.append(browser.driver.execute_script("const e = document.activeElement; return e === document.body || !!e.closest('dialog')"))
    check("a dialog keeps the focus", all(inside), inside)
    browser.keys(Keys.ESCAPE)
    check("and gives it back", browser.focused() == "Create", browser.focused())


def elsewhere(browser, console, stand_in):
    """A page of another origin that knows the address, secret and all."""
    attack = f"""<!doctype html><title>waiting</title><iframe src="{console}"></iframe><script src="{console}console/app.js"></script>
        <form method=post action="{console}workflow-definitions"></form><script>
        const tries = [fetch('{console}workflow-definitions/checkout-flow'), fetch('{console}workflow-definitions', {{ method: 'POST', mode: 'no-cors' }}),
                       fetch('{console}workflow-definitions/checkout-flow', {{ method: 'DELETE' }})];
        Promise.allSettled(tries).then((all) => {{ document.title = all.map((one) => one.value?.type ?? one.status).join(' '); }});</script>"""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(attack.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = len(stand_in.asked)
        # Another port of this machine, and a name that leads to this machine.
        for host in ["127.0.0.1", "localhost"]:
            browser.open(f"http://{host}:{server.server_port}/")
            browser.wait(f"a page of {host} on another port reads nothing", lambda: browser.driver.title == "rejected opaque rejected")
            browser.driver.execute_script("document.forms[0].submit()")
            time.sleep(0.5)
        check("and the API was never asked", len(stand_in.asked) == asked, stand_in.asked[asked:])
        server.shutdown()


def aws(endpoint, *arguments):
    command = ["aws", "nova-act", *arguments, "--endpoint-url", endpoint.rstrip("/"), "--region", "us-east-1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **CREDENTIALS, "AWS_MAX_ATTEMPTS": "1"})
    return done.stdout + done.stderr


def main():
    browser = Browser()
    with contextlib.ExitStack() as stack:
        stack.callback(browser.close)
        local = stack.enter_context(process(LOCAL, "--port", "0", "--aws-port", "0", stderr=subprocess.PIPE))
        api = address(local)
        log = []
        threading.Thread(target=lambda: log.extend(local.stderr), daemon=True).start()
        newcomer(browser, api)
        console = address(stack.enter_context(process(CONSOLE, api, "--port", "0", "--region", "us-east-1")))
        # 127.0.0.0/8 is this machine as a whole: a server that listens on all addresses is reached here too.
        with socket.socket() as other:
            check("it listens on 127.0.0.1 only", other.connect_ex(("127.0.0.2", urllib.parse.urlsplit(console).port)) != 0)
        definitions(browser, console, api)
        paging(browser, console, api)
        quiet(browser, console)

        start = ["create-workflow-run", "--workflow-definition-name", "demo", "--model-id", "m", "--client-info", "compatibilityVersion=1"]
        run = json.loads(aws(console, *start))["workflowRunId"]
        listed = aws(console, "list-workflow-runs", "--workflow-definition-name", "demo")
        check("the AWS CLI starts and lists runs through the console", run in listed, listed)
        rejected = [line for line in log if "requests are signed for" in line]
        check("with a signature that API Gateway accepts", not rejected, rejected)
        aws(api, "list-workflow-definitions")
        browser.wait("without it, with one that it rejects", lambda: [line for line in log if "requests are signed for nova-act: API Gateway rejects them" in line])
        missing = aws(console, "get-workflow-definition", "--workflow-definition-name", "nope")
        check("and gets the API's errors", "(ResourceNotFoundException)" in missing, missing)

        ca = trustme.CA()
        stand_in = StandIn(ca.issue_cert(urllib.parse.urlsplit(DEPLOYED).hostname))
        bundle = stack.enter_context(ca.cert_pem.tempfile())
        proxy = f"http://127.0.0.1:{tunnel(lambda: stand_in.port)}"
        child = stack.enter_context(process(CONSOLE, DEPLOYED, "--port", "0", SSL_CERT_FILE=bundle, SSL_CERT_DIR="", HTTPS_PROXY=proxy))
        console = address(child)
        states(browser, console, stand_in)
        browser.open(f"{console}#/definitions/checkout-flow")
        link = browser.one("td a[target=_blank]").get_attribute("href")
        page = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/"
        check("a log group links into CloudWatch Logs", link == f"{page}$252Fworkflow-runs$252Fcheckout-flow", link)
        keyboard(browser, console)
        browser.logs()
        other = [url for _, url in browser.requests if not url.startswith(("http://127.0.0.1:", "about:", "data:", "chrome:"))]
        check("the page has asked no other host", not other, other)
        policy = [message for message in browser.complaints if "Content Security Policy" in message or "Uncaught" in message]
        check("its policy was never violated, and no script failed", not policy, policy)
        elsewhere(browser, console, stand_in)

        browser.open(f"{console}#/definitions/checkout-flow")
        browser.one("tbody tr")
        child.kill()
        browser.one("#refresh").click()
        browser.one("[data-notice=gone]", "The console does not answer")
        check("the page goes on trying", re.search(r"Next try in \d+ s", browser.text("#notice")), browser.text("#notice"))
        check_for_everybody(browser, "gone")

        nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
        console = address(stack.enter_context(process(CONSOLE, api, "--port", "0", "--region", "us-east-1", **nobody)))
        browser.open(console)
        browser.one("[data-state=credentials] h2", "There are no AWS credentials")
        check_for_everybody(browser, "credentials")


if __name__ == "__main__":
    main()
