#!/usr/bin/env python3
"""The console and its page, as a person meets them: in a real browser, with the AWS CLI and with curl.

usage: console.py CONSOLE LOCAL

CONSOLE and LOCAL are the two programs. Pictures of all that was seen are left in target/screenshots.
"""
import contextlib
import datetime
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

import trustme

from browser import CREDENTIALS, Browser, Keys, StandIn, address, check, check_for_everybody, iso, process, tunnel

CONSOLE, LOCAL = sys.argv[1:]
# The stand-in's name. The console reaches it over TLS and through a proxy, as it would API Gateway.
DEPLOYED = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod"
START = {"modelId": "nova-act-latest", "clientInfo": {"compatibilityVersion": 1}}
DENIED = (403, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: execute-api:Invoke", {})
THROTTLED = (429, "TooManyRequestsException", "Too Many Requests", {"retry-after": "8"})
# The nine operations; the stand-in's endpoint ends with /prod.
OPERATION = re.compile(r"(PUT|POST) |(GET|DELETE) /[\w-]+|(PUT|POST) /[\w-]+/workflow-runs|(GET|PUT|DELETE) /[\w-]+/workflow-runs/[0-9a-f-]{36}")
LABELS = {"RUNNING": "Running", "SUCCEEDED": "Succeeded", "FAILED": "Failed", "TIMED_OUT": "Timed out"}
FAILED = (500, "InternalServerException", "Internal server error", {"retry-after": "1"})


def call(url, method="GET", body=None):
    request = urllib.request.Request(url, method=method, data=body is not None and json.dumps(body).encode() or None)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def row(browser, run):
    return browser.one(f"tr[data-run='{run}']")


def shown(browser):
    """The ids of the runs in the table."""
    return browser.attributes("tr[data-run]", "data-run")


def settled(browser):
    """Whether the runs are shown, and no search is under way."""
    return shown(browser) and not browser.all("[aria-busy]") and not any(button.is_displayed() for button in browser.all(".progress button"))


def pressed_tab(browser, times):
    """What has the focus after each press of the Tab key."""
    stops = []
    for _ in range(times):
        browser.keys(Keys.TAB)
        stops.append(browser.focused().split("\n")[0])
    return stops


def newcomer(browser, api):
    """Opens the local server's address, starts a run with the command that the page shows, ends it and deletes it."""
    browser.open(api)
    browser.one("h1", "Overview")
    browser.wait("the first page has the definitions", lambda: browser.texts("tr[data-definition] > *")[:2] == ["demo", "no runs yet"])
    browser.one("tr[data-definition=demo] a").click()
    browser.one("h1", "demo")
    browser.one("[data-state=empty] h2", "No runs yet")
    check_for_everybody(browser, "no-runs")
    command = browser.text("figure.snippet pre")
    started = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
    run = json.loads(started.stdout)["workflowRunId"]
    browser.wait("the run that the page's curl command has started appears by itself", lambda: "Running" in row(browser, run).text)
    browser.wait("its model appears", lambda: "nova-act-latest" in row(browser, run).text)
    check_for_everybody(browser, "first-run")

    browser.one(f"tr[data-run='{run}'] a").click()
    heading = browser.one("h1", run)
    check("a run has a page of its own, whose heading has the focus", heading == browser.driver.switch_to.active_element)
    run_url = f"{api}/workflow-definitions/demo/workflow-runs/{run}"
    end_by_hand(browser, run, run_url)

    browser.one("main button", "Delete run").click()
    browser.one("dialog h2", "Delete this run?")
    check("the question names the run", run in browser.text("dialog"))
    check("a careless Enter says no", browser.focused() == "Cancel", browser.focused())
    check_for_everybody(browser, "delete-run")
    browser.keys(Keys.ENTER)
    browser.gone("Cancel closes the question", "dialog")
    check("and deletes nothing", call(run_url)[0] == 200)
    browser.one("main button", "Delete run").click()
    browser.one("dialog button.danger").click()
    browser.one("[data-state=empty] h2", "No runs yet")
    check("the run is deleted", call(run_url)[0] == 404)


def end_by_hand(browser, run, run_url):
    """Ends a run with the keyboard, which cannot happen by accident."""
    browser.one("main button", "End run").click()
    browser.one("dialog h2", "End this run?")
    question = browser.text("dialog")
    check("the question names the run", run in question)
    check("and says that an end is for good and stops no agent", "for good" in question and "stops no agent" in question, question)
    check("it is a dialog with a name", browser.one("dialog").aria_role == "dialog" and browser.one("dialog").accessible_name == "End this run?")
    check("nothing is preselected", not browser.all("dialog :checked"))
    check_for_everybody(browser, "end-run")
    browser.keys(Keys.ESCAPE)
    browser.gone("Escape closes it", "dialog")
    check("and the focus is where it was", browser.focused() == "End run", browser.focused())
    browser.keys(Keys.ENTER)
    browser.one("dialog")
    browser.keys(Keys.ENTER, Keys.ENTER)
    browser.wait("Enter twice asks for a choice", lambda: "Choose how" in browser.text("dialog fieldset"))
    check("and ends nothing", call(run_url)[1]["status"] == "RUNNING")
    check_for_everybody(browser, "end-run-choose")
    browser.keys(Keys.ARROW_DOWN)
    browser.one("dialog button.primary", "Record “Failed”")
    browser.keys(Keys.ENTER)
    browser.wait("with the keyboard alone, the run ends as Failed", lambda: browser.text("main .badge") == "Failed" and not browser.all("dialog"))
    browser.wait("the focus is not lost with the button", lambda: browser.focused() == run)
    check("it has ended for the API too", call(run_url)[1]["status"] == "FAILED")
    check("a run ends once: there is no button any more", not [b for b in browser.all("main button") if b.text == "End run"])
    browser.wait("screen readers hear it", lambda: browser.text("#announcer") == "Run ended: Failed")


def ended_meanwhile(browser, api):
    """Somebody else ends a run while the question is open."""
    run = call(f"{api}/workflow-definitions/demo/workflow-runs", "PUT", START)[1]["workflowRunId"]
    run_url = f"{api}/workflow-definitions/demo/workflow-runs/{run}"
    browser.open(f"{api}#/definitions/demo/runs/{run}")
    browser.one("main button", "End run").click()
    browser.one("dialog h2", "End this run?")
    call(run_url, "PUT", {"status": "SUCCEEDED"})
    browser.keys(Keys.ARROW_DOWN, Keys.ENTER)
    browser.one("dialog h2", "The run had already ended")
    check("the page says how it has ended", browser.text("dialog .badge") == "Succeeded", browser.text("dialog"))
    check_for_everybody(browser, "ended-meanwhile")
    browser.keys(Keys.ENTER)
    browser.gone("it is closed", "dialog")
    browser.wait("and shows it", lambda: browser.text("main .badge") == "Succeeded")
    check("the first end stays", call(run_url)[1]["status"] == "SUCCEEDED")
    call(run_url, "DELETE")


def definitions(browser, console, api):
    """Creates a definition whose description is a script, and deletes it."""
    script = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'> & more"
    browser.open(console)
    browser.one("#create").click()
    browser.one("dialog h2", "Create a workflow definition")
    check("the first field has the focus", browser.focused() == "Name", browser.focused())
    check_for_everybody(browser, "create-definition")
    browser.keys("a b", Keys.ENTER)
    browser.wait("a bad name is rejected where it stands", lambda: "letters, digits" in browser.text("#field-name-error"))
    check("and screen readers know", browser.one("#field-name").get_attribute("aria-invalid") == "true")
    browser.keys(Keys.CONTROL + "a")
    browser.keys("demo", Keys.ENTER)
    browser.wait("a name that is taken is, too", lambda: "exists" in browser.text("#field-name-error"))
    check("and has the focus", browser.focused() == "Name", browser.focused())
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
    check("it is for the API too", call(f"{api}/workflow-definitions/scripted")[1]["status"] == "DELETING")

    long = "What it does, who owns it, and whom to wake. " * 20
    call(f"{api}/workflow-definitions", "PUT", {"name": "described", "description": long})
    browser.open(f"{console}#/definitions/described")
    browser.one(".facts button", "Show all")
    height = browser.one(".description").size["height"]
    check_for_everybody(browser, "folded-description")
    browser.keys(Keys.ESCAPE)
    browser.one(".facts button", "Show all").send_keys(Keys.ENTER)
    browser.one(".facts button", "Show less")
    check("a long description opens", browser.one(".description").size["height"] > height and browser.text(".description") == long.strip())


def paging(browser, console, api):
    """Goes through 250 runs in mixed states, each of which is on one page; filters them; comes back."""
    call(f"{api}/workflow-definitions", "PUT", {"name": "many"})
    runs = f"{api}/workflow-definitions/many/workflow-runs"
    started = [call(runs, "PUT", START)[1]["workflowRunId"] for _ in range(250)]
    statuses = dict.fromkeys(started, "RUNNING")
    for index, run in enumerate(started[:220]):
        statuses[run] = "FAILED" if index % 9 == 0 else "TIMED_OUT" if index % 31 == 0 else "SUCCEEDED"
        call(f"{runs}/{run}", "PUT", {"status": statuses[run]})
    page = f"{console}#/definitions/many"
    browser.open(page)
    browser.one(".pager", "Page 1")
    browser.logs()
    seen, times = [], []
    for number in range(1, 6):
        browser.one(".pager .muted", f"Page {number}")
        seen.append(shown(browser))
        times += browser.attributes("tbody time", "datetime")
        if number == 2:
            check("an older page says that it is not refreshed", "not refreshed" in browser.text("#freshness"), browser.text("#freshness"))
            check("the address says where one is", "page=2&after=" in browser.hash, browser.hash)
            check("the first of its runs has the focus", browser.driver.switch_to.active_element.get_attribute("title") == shown(browser)[0])
            check_for_everybody(browser, "page-2")
        if number < 5:
            browser.one(".pager a", "Older").send_keys(Keys.ENTER)
    check("five pages show 250 runs, each once", sorted(sum(seen, [])) == sorted(started), len(seen))
    check("newest first", times == sorted(times, reverse=True), times)
    check("the last page has no older one", browser.one(".pager .button", "Older").get_attribute("aria-disabled") == "true")
    browser.logs()
    details = [sent.url for sent in browser.requests if sent.method == "GET" and "/many/workflow-runs/" in sent.url]
    check("details are read once, and only for runs on the screen", len(set(details)) == len(details) < 150, len(details))

    browser.driver.back()
    browser.wait("Back returns to page 4", lambda: shown(browser) == seen[3])
    browser.one("tbody .id a").click()
    browser.one("h1", seen[3][0])
    browser.driver.back()
    browser.wait("from a run, too", lambda: shown(browser) == seen[3])
    browser.driver.refresh()
    browser.wait("and a new start of the page stays there", lambda: shown(browser) == seen[3])
    browser.one(".pager button", "Newer").send_keys(Keys.ENTER)
    browser.wait("from where Newer leads to page 3", lambda: shown(browser) == seen[2])
    browser.one(".pager .muted", "Page 3")

    browser.one(".pager a", "Newest").click()
    browser.one(".pager .muted", "Page 1")
    run = call(runs, "PUT", START)[1]["workflowRunId"]
    statuses[run] = "RUNNING"
    browser.wait("the newest page refreshes itself again", lambda: run in shown(browser))

    for status, chip in LABELS.items():
        browser.one(".chip", chip).send_keys(Keys.ENTER)
        browser.one(".chip[aria-current]", chip)
        wanted = {run for run, one in statuses.items() if one == status}
        found = []
        while True:
            browser.wait(f"{chip}: a page is there", lambda: settled(browser) and not set(shown(browser)) & set(found))
            found += shown(browser)
            older = [link for link in browser.all(".pager a[href]") if link.is_displayed() and link.text == "Older"]
            if not older:
                break
            older[0].send_keys(Keys.ENTER)
        check(f"{chip}: each of these runs is found once, and no other", sorted(found) == sorted(wanted), [len(found), len(wanted)])
        if status == "FAILED":
            browser.one(".progress", "Searched 251 runs")
            check("the chip keeps the focus", browser.focused() == "Failed", browser.focused())
            check("the address keeps the filter", browser.hash == "#/definitions/many?status=FAILED", browser.hash)
            browser.wait("screen readers hear how many there are", lambda: browser.text("#announcer") == f"Last {len(wanted)} failed runs")
            check_for_everybody(browser, "failed-runs")

    browser.open(f"{page}?status=FAILED")
    browser.one("tbody .id a").send_keys(Keys.ENTER)
    browser.one("main .actions a", "Older run")
    browser.driver.back()
    browser.one(".chip[aria-current]", "Failed")
    check("Back keeps the filter", True)


def table_by_keyboard(browser, console):
    """The table is one stop; the arrow keys go through it."""
    browser.open(f"{console}#/definitions/many")
    browser.one(".pager a", "Older")
    browser.wait("all rows on the screen are complete", lambda: not browser.all("tbody tr:nth-child(-n + 6) td.pending"))
    rows = shown(browser)
    def current():
        return browser.driver.switch_to.active_element.get_attribute("title")
    browser.one("tbody .id a").send_keys(Keys.ARROW_DOWN, "")
    check("the arrow down goes to the next run", current() == rows[1], current())
    browser.keys(Keys.END)
    check("End to the last one", current() == rows[-1], current())
    browser.keys(Keys.ARROW_UP)
    check("the arrow up back", current() == rows[-2], current())
    check("from the table, Tab goes to the pages of runs", pressed_tab(browser, 1) == ["Older"], browser.focused())
    browser.keys(Keys.SHIFT + Keys.TAB)
    check("and back to the same run", current() == rows[-2], current())
    browser.keys(Keys.ENTER)
    browser.one("h1", rows[-2])


def quiet(browser, console):
    """Asks for little, and for nothing while nobody looks."""
    browser.open(f"{console}#/definitions/demo")
    browser.one("h1", "demo")
    lists = "/demo/workflow-runs"

    def asked():
        browser.logs()
        return [sent.time for sent in browser.requests if lists in sent.url]
    browser.logs()
    browser.requests.clear()
    browser.wait("an open page refreshes itself", lambda: len(asked()) >= 2)
    first, second, *_ = asked()
    check("about once in five seconds", second - first > 4.9, second - first)
    browser.driver.execute_script("""
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away });
        window.away = true; document.dispatchEvent(new Event('visibilitychange'));
        setTimeout(() => { document.body.dataset.waited = ''; }, 6000);""")
    asked()
    browser.requests.clear()
    browser.wait("a while passes", lambda: browser.all("[data-waited]"))
    check("a hidden page does not ask", asked() == [], browser.requests)
    browser.driver.execute_script("window.away = false; document.dispatchEvent(new Event('visibilitychange'));")
    browser.wait("and asks when somebody looks again", asked)


def overview(browser, console, stand_in):
    """All definitions, and what their last runs have come to."""
    browser.open(console)
    browser.wait("the overview has all definitions", lambda: len(browser.all("tr[data-definition]")) == 4 and not browser.all("td.pending"))
    for name, runs in stand_in.runs.items():
        _, last, running, failed, *_ = browser.texts(f"tr[data-definition={name}] > *")
        numbers = [str(sum(run["status"] == status for run in runs[:50])) for status in ["RUNNING", "FAILED"]]
        expected = [LABELS[runs[0]["status"]], *numbers] if runs else ["no runs yet", "", ""]
        check(f"{name}: how its last run is, what is running and what has failed of the last 50",
              last.startswith(expected[0]) and [running, failed] == expected[1:], [last, running, failed, expected])
    check("its times say their zone", "Last run (UTC)" in browser.texts("thead th"), browser.texts("thead th"))
    check_for_everybody(browser, "overview")
    browser.one("tr[data-definition=checkout-flow] a[href*=FAILED]").click()
    browser.one("h1", "checkout-flow")
    browser.one(".chip[aria-current]", "Failed")
    check("a number leads to these runs", browser.hash == "#/definitions/checkout-flow?status=FAILED", browser.hash)


def searching(browser, console, stand_in):
    """Looks for what is rare among 3,200 runs."""
    page = f"{console}#/definitions/nightly-regression"
    runs = stand_in.runs["nightly-regression"]
    failed = [run["workflowRunId"] for run in runs if run["status"] == "FAILED"]
    check("failures are rare enough that one page takes several lists", 1 < len(failed) < 50)
    browser.open(page)
    browser.one(".pager a", "Older")
    browser.logs()
    browser.requests.clear()
    browser.one(".chip", "Failed").click()
    browser.one(".progress button", "Stop")
    browser.wait("it shows what it has found so far", lambda: shown(browser) and "back to" in browser.text(".progress"))
    browser.shot("searching")
    browser.wait("it looks through all runs", lambda: "Searched 3,200 runs" in browser.text(".progress") and settled(browser))
    check("and finds all that have failed", shown(browser) == failed, [shown(browser), failed])
    check_for_everybody(browser, "searched")
    browser.logs()
    times = [sent.time for sent in browser.requests if sent.method == "POST"]
    check("it makes at most five list calls a second", len(times) >= 32 and times[31] - times[0] > 31 * 0.199, times)

    browser.one(".chip", "All").click()
    browser.one(".pager a", "Older")
    browser.one(".chip", "Failed").click()
    browser.one(".progress button", "Stop").send_keys(Keys.ENTER)
    browser.one(".progress button", "Search on")
    check("a search can be stopped, and keeps the focus", browser.focused() == "Search on", browser.focused())
    check("it says how far it came", re.search(r"Searched [\d,]+ runs?, back to ", browser.text(".progress")), browser.text(".progress"))
    calls = len(stand_in.asked)
    stand_in.mode = THROTTLED[:3] + ({"retry-after": "1"},)
    browser.keys(Keys.ENTER)
    browser.wait("it goes on, and is throttled", lambda: len(stand_in.asked) > calls)
    stand_in.mode = None
    browser.wait("it waits, and finds the rest", lambda: "Searched 3,200 runs" in browser.text(".progress") and settled(browser) and shown(browser) == failed)

    stand_in.runs["returns-portal"], before = [{**runs[0], "workflowRunId": f"00000000-0000-5000-8000-{n:012}", "startedAt": iso(minutes_ago(n))}
                                               for n in range(10_100)], stand_in.runs["returns-portal"]
    browser.open(f"{console}#/definitions/returns-portal?status=FAILED")
    browser.wait("a search among very many runs stops by itself", lambda: "Searched 10,000 runs, back to" in browser.text(".progress"))
    browser.one(".progress button", "Search on").click()
    browser.one("[data-state=none] h2", "No failed runs")
    browser.one(".progress", "Searched 10,100 runs")
    check_for_everybody(browser, "none-failed")
    stand_in.runs["returns-portal"] = before


def minutes_ago(number):
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=number)


def dates(browser, console, stand_in):
    """From and to, in the time zone of who looks."""
    browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    runs = stand_in.runs["invoice-intake"]
    def local_date(run):
        return datetime.datetime.fromisoformat(run["startedAt"]).astimezone(zone).date().isoformat()
    day = local_date(runs[16])
    wanted = [run["workflowRunId"] for run in runs if local_date(run) == day]
    check("the runs of a day are some of all", 0 < len(wanted) < len(runs))
    browser.open(f"{console}#/definitions/invoice-intake?from={day}&to={day}")
    browser.wait("from a date to a date", lambda: shown(browser) == wanted)
    check("the fields have them", browser.driver.execute_script("return [...document.querySelectorAll('[type=date]')].map((one) => one.value)") == [day, day])
    check("times say their zone", "Started (GMT+5:30)" in browser.text("thead") and browser.text("#freshness").endswith("GMT+5:30"), browser.text("thead"))
    check_for_everybody(browser, "dates")
    browser.one(".chip", "Any time").click()
    browser.wait("any time", lambda: len(shown(browser)) == len(runs) and browser.hash == "#/definitions/invoice-intake")
    browser.one("[type=date]").send_keys(f"{day[5:7]}{day[8:]}{day[:4]}")
    browser.wait("a date that is typed counts once it is whole", lambda: browser.hash == f"#/definitions/invoice-intake?from={day}")
    later = [run["workflowRunId"] for run in runs if local_date(run) >= day]
    browser.wait("and filters", lambda: shown(browser) == later)
    browser.open(f"{console}#/definitions/invoice-intake?from=2999-01-01")
    browser.one("[data-state=none] h2", "No runs")
    browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


def finding(browser, console, stand_in):
    """The box in the header, links and ARNs."""
    run = stand_in.runs["nightly-regression"][1234]
    run_id = run["workflowRunId"]
    there = f"#/definitions/nightly-regression/runs/{run_id}"

    def enter(text):
        box = browser.one("#find input")
        box.clear()
        box.send_keys(text, Keys.ENTER)
    for what, text in [("an id", f" {run_id.upper()}  "), ("the first eight characters of one", run_id[:8]), ("an ARN", run["workflowRunArn"]),
                       ("a link", f"http://127.0.0.1:1234/secret/{there}"), ("a link's part behind the secret", there)]:
        browser.open(console)
        browser.one("h1", "Overview")
        enter(text)
        browser.wait(f"{what} leads to its run", lambda: browser.hash == there)
        browser.one("h1.id", run_id)
    browser.open(f"{console}#/definitions/nightly-regression")
    browser.one("tbody tr")
    asked = len(stand_in.asked)
    enter(run_id)
    browser.one("h1.id", run_id)
    others = [one for one in stand_in.asked[asked:] if one.method == "GET" and "/workflow-runs/" in one.url and "/nightly-regression/" not in one.url]
    check("the definition on the page is asked first", not others, others)

    enter("no-such-run!")
    browser.wait("what is no id gets a sentence", lambda: "This is not a run id" in browser.text("#find-error"))
    check("and stays where it is", browser.hash == there and browser.one("#find input").get_attribute("value") == "no-such-run!")
    check_for_everybody(browser, "no-id")
    enter("ffffffff-ffff-5fff-8fff-ffffffffffff")
    browser.one("[data-state=none] h2", "No such run")
    check_for_everybody(browser, "not-found")

    short = run_id[:4]
    matches = [one["workflowRunId"] for runs in stand_in.runs.values() for one in runs if one["workflowRunId"].startswith(short)]
    enter(short)
    if len(matches) == 1:
        browser.one("h1.id", run_id)
    else:
        browser.wait("a short beginning lists all that begin so", lambda: sorted(browser.texts(".found .id")) == sorted(matches))
    browser.open(f"{console}#/find/ffff?first=nightly-regression")
    browser.one(".progress button", "Stop").send_keys(Keys.ENTER)
    browser.one(".progress button", "Search on")
    check("a search for an id can be stopped, and keeps the focus", browser.focused() == "Search on", browser.focused())
    browser.keys(Keys.ENTER)
    number = sum(map(len, stand_in.runs.values()))
    browser.wait("and goes on to the end", lambda: f"Searched {number:,} runs of 4 definitions" in browser.text(".progress"))
    browser.one("[data-state=none] h2", "No such run")
    browser.open(f"{console}#/find/5f?")
    browser.one("[data-state=none] h2", "This is not a run id")

    browser.open(f"{console}#/definitions/checkout-flow?status=FAILED")
    browser.one("tbody tr")
    browser.one("#actions button", "Copy link").click()
    browser.wait("Copy link says that it has copied", lambda: browser.one("#actions button").text == "Copied")
    check("a link is what stands behind the secret", browser.copied() == "#/definitions/checkout-flow?status=FAILED", browser.copied())
    browser.open(f"{console}#/find/{urllib.parse.quote(run['workflowRunArn'], safe='')}")
    browser.wait("an address may hold an ARN to open", lambda: browser.hash == there)
    browser.one("h1.id", run_id)


def opening(browser, stand_in, directory, console):
    """A terminal leads into the running console."""
    run = stand_in.runs["nightly-regression"][1234]
    opened = directory / "opened"
    desktop = directory / "xdg-open"
    desktop.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.part && mv {opened}.part {opened}\n')
    desktop.chmod(0o755)
    variables = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}

    def opens(reference):
        done = subprocess.run([CONSOLE, "open", reference], env=variables, capture_output=True, text=True)
        check(f"console open {reference}", done.returncode == 0, done)
        browser.wait("it starts a browser", opened.exists)
        url = opened.read_text()
        opened.unlink()
        check("with an address that does not tell the secret", urllib.parse.urlsplit(console).path.strip("/") not in url, url)
        browser.open(url)
    there = f"#/definitions/nightly-regression/runs/{run['workflowRunId']}"
    for reference in [run["workflowRunArn"], there]:
        opens(reference)
        browser.wait("it leads to the run", lambda: browser.hash == there)
        browser.one("h1.id", run["workflowRunId"])


def one_run(browser, console, stand_in):
    """What is to know of a run."""
    runs = stand_in.runs["nightly-regression"]
    late = runs[230]
    browser.open(f"{console}#/definitions/nightly-regression?status=RUNNING")
    browser.wait("a run that is running far too long is marked", lambda: "× the median" in row(browser, late["workflowRunId"]).text)
    check("the others are not", "× the median" not in row(browser, runs[0]["workflowRunId"]).text)
    browser.one(f"tr[data-run='{late['workflowRunId']}'] a").click()
    browser.one(".late", "× the median")
    browser.one(".card", "Nobody has recorded an end")
    browser.one("main .actions a", "Newer run")
    check_for_everybody(browser, "late-run")
    browser.one("main .actions a", "Older run").click()
    browser.one("h1", runs[231]["workflowRunId"])
    browser.one("main .actions a", "Newer run").click()
    browser.one("h1", late["workflowRunId"])

    ended = next(run for run in runs if run["status"] == "FAILED")
    timed_out = next(run for run in runs if run["status"] == "TIMED_OUT")
    page = f"{console}#/definitions/nightly-regression/runs"
    browser.open(f"{page}/{timed_out['workflowRunId']}")
    browser.one(".card", "Derived: it was still running 1 h 00 min after its start")
    browser.open(f"{page}/{ended['workflowRunId']}")
    browser.one(".card", "Recorded by a client: UpdateWorkflowRun with FAILED.")
    command, body = browser.texts("figure.snippet pre")
    secret = urllib.parse.urlsplit(console).path.strip("/")
    check("JSON as the API gave it", json.loads(body) == ended, body)
    first, last = (int(datetime.datetime.fromisoformat(ended[name]).timestamp() * 1000) for name in ["startedAt", "endedAt"])
    link = browser.one("dd a[target=_blank]").get_attribute("href")
    group = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/$252Fworkflow-runs$252Fnightly-regression"
    check("its log group links to its time", link == f"{group}/log-events$3Fstart$3D{first - 60_000}$26end$3D{last + 60_000}", link)
    check("the secret is not on the page", secret not in browser.text("body"))
    for button in browser.all("h1 + button, dd button, figcaption button"):
        what = button.accessible_name.removeprefix("Copy the ")
        text = {"run id": ended["workflowRunId"], "ARN": ended["workflowRunArn"], "AWS CLI command": command.replace("…", secret), "JSON": body}[what]
        button.send_keys(Keys.ENTER)
        browser.wait(f"{what}: it is copied", lambda: browser.copied() == text)
    command = command.replace("…", secret)
    shown_run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env={**os.environ, **CREDENTIALS, "AWS_DEFAULT_REGION": "us-east-1"})
    check("the AWS CLI command shows the same run", json.loads(shown_run.stdout)["workflowRunId"] == ended["workflowRunId"], shown_run)
    check("and keeps the secret out of the process list", secret not in command.split("\n", 1)[1], command)
    browser.open(f"{page}/{runs[0]['workflowRunId']}")
    browser.one("main .actions a", "Older run")
    check("the newest run has no newer one", not [a for a in browser.all("main .actions a") if a.is_displayed() and a.text == "Newer run"])


def deletion(browser, console, stand_in):
    """A large definition is deleted behind the API, and the page sees it through."""
    name, runs = "nightly-regression", stand_in.runs["nightly-regression"]
    browser.open(f"{console}#/definitions/{name}")
    browser.one("main button", "Delete definition").click()
    browser.one("dialog button.danger").click()
    browser.one("[data-state=deleting] p", "More than 100 runs are left")
    check("what is left can be read", len(shown(browser)) == 100)
    check_for_everybody(browser, "deleting")
    del runs[43:]
    browser.one("[data-state=deleting] p", "43 runs are left")
    del runs[:]
    browser.one("[data-state=deleting] p", "All of its runs are deleted")
    check_for_everybody(browser, "deleted-runs")
    definition = stand_in.definitions.pop(name)
    browser.one("[data-state=deleted] h2", "This definition is deleted")
    browser.wait("screen readers hear it", lambda: browser.text("#announcer") == f"Definition {name} is deleted")
    browser.wait("the list beside loses it", lambda: name not in browser.text("#definitions"))
    check("the page has ended", "not refreshed" in browser.text("#freshness"), browser.text("#freshness"))
    check_for_everybody(browser, "deleted")
    definition["status"] = "ACTIVE"
    stand_in.definitions[name] = definition
    browser.one("#refresh").click()
    browser.one("[data-state=empty] h2", "No runs yet")


def cards(browser, console):
    """On a narrow window each run is a card, and still a row for screen readers."""
    browser.size(390)
    browser.open(f"{console}#/definitions/checkout-flow")
    browser.one("tbody tr")
    boxes = browser.driver.execute_script("return [...document.querySelectorAll('tbody tr')].map((row) => row.getBoundingClientRect().toJSON())")
    check("a run is a card", all(box["height"] > 60 and box["width"] <= 390 for box in boxes), boxes[:2])
    overlapping = browser.driver.execute_script("""
        return [...document.querySelectorAll('tbody tr')].filter((row) => {
          const boxes = [...row.children].map((cell) => cell.getBoundingClientRect());
          return boxes.some((a, i) => boxes.slice(i + 1).some((b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1));
        }).length""")
    check("whose lines do not overlap", overlapping == 0, overlapping)
    first = browser.one("tbody tr")
    check("and a row of a table", [first.aria_role, browser.one("main table").aria_role, browser.one("tbody th").aria_role, browser.one("tbody td").aria_role]
          == ["row", "table", "rowheader", "cell"])
    browser.size()


def short_runs(browser, console, api):
    """Durations below a tenth of a second; few runs."""
    call(f"{api}/workflow-definitions", "PUT", {"name": "short"})
    runs = f"{api}/workflow-definitions/short/workflow-runs"
    for _ in range(3):
        run = call(runs, "PUT", START)[1]["workflowRunId"]
        call(f"{runs}/{run}", "PUT", {"status": "SUCCEEDED"})
    browser.open(f"{console}#/definitions/short")
    browser.one("tbody tr")
    lengths = browser.texts("tbody .duration")
    took = [datetime.datetime.fromisoformat(one["endedAt"]) - datetime.datetime.fromisoformat(one["startedAt"])
            for one in call(runs, "POST")[1]["workflowRunSummaries"]]
    check("a duration below 100 ms is in milliseconds", any(one < datetime.timedelta(milliseconds=100) for one in took) and lengths
          == [f"{one // datetime.timedelta(milliseconds=1)} ms" if one < datetime.timedelta(milliseconds=100) else length for one, length in zip(took, lengths)], lengths)
    left, right = browser.driver.execute_script("""
        const marks = [...document.querySelectorAll('.mark')].map((mark) => mark.getBoundingClientRect());
        const { left } = document.querySelector('.chart svg').getBoundingClientRect();
        return [Math.min(...marks.map((mark) => mark.left)) - left, Math.max(...marks.map((mark) => mark.right)) - left];""")
    check("few runs stand at the left", left < 80 and right < 240, [left, right])
    check_for_everybody(browser, "few-runs")


def states(browser, console, stand_in):
    """Each state, in place of content and over it."""
    page = f"{console}#/definitions/checkout-flow"
    browser.media(prefers_reduced_motion="reduce")
    browser.open(page)
    browser.one("tbody tr")
    animated = "return document.getAnimations().length"
    check("nothing moves for those who want no motion", browser.driver.execute_script(animated) == 0)
    browser.media(prefers_reduced_motion="no-preference")
    check("otherwise a running run pulses", browser.driver.execute_script(animated) > 0)
    browser.media()
    browser.wait("runs on the screen get their model and log group", lambda: not browser.all("tbody tr:nth-child(-n + 6) td.pending"))
    check("the picture is described in words", browser.one("[role=img]").accessible_name.startswith("50 runs: 2 running, "))
    check_for_everybody(browser, "runs")
    browser.one("tbody a").click()
    browser.one("dl.card")
    check_for_everybody(browser, "run")

    definitions, stand_in.definitions = stand_in.definitions, {}
    browser.open(console)
    browser.one("[data-state=empty] h2", "No definitions yet")
    check_for_everybody(browser, "no-definitions")
    stand_in.definitions = definitions

    stand_in.delay = 3
    browser.open(page)
    browser.one("main [data-state=loading]")
    check("a slow response is announced", browser.one("main [data-state=loading]").aria_role == "status")
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
        browser.redrawn(f"{kind}: trying now is in vain", ".notice", lambda: browser.one("#notice button", "Try now").send_keys(Keys.ENTER))
        check(f"{kind}: and keeps the focus", browser.focused() == "Try now", browser.focused())
        browser.open(page)
        browser.one(f"main [data-state={kind}] h2", title)
        check_for_everybody(browser, kind)
        if kind == "denied":
            arn = "arn:aws:execute-api:us-east-1:*:a1b2c3d4e5/prod/POST/workflow-definitions/checkout-flow/workflow-runs"
            check("denied: the page names the permission", arn in browser.text("main"), browser.text("main"))
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
    runs = "/checkout-flow/workflow-runs"
    last = [one.time for one in stand_in.asked if runs in one.url][-1]
    stand_in.mode = None
    browser.one("tbody tr")
    again = next(one.time for one in stand_in.asked if runs in one.url and one.time > last)
    check("throttled: the page is quiet as long as Retry-After says, not only for its own backoff", again - last > 7.9, again - last)

    stand_in.mode = DENIED
    browser.open(console)
    browser.one("main [data-state=denied]")
    check_for_everybody(browser, "denied-overview")
    stand_in.mode = None
    browser.one("#open-name").send_keys("checkout-flow", Keys.ENTER)
    browser.one("h1", "checkout-flow")
    browser.one("tbody tr")

    browser.open(f"{console}#/definitions/gone")
    browser.one("[data-state=missing] h2", "This workflow definition does not exist")
    check_for_everybody(browser, "missing")


def keyboard(browser, console, stand_in):
    """The order of the stops, and a dialog that keeps them."""
    browser.open(f"{console}#/definitions/checkout-flow")
    browser.one("tbody tr")
    browser.driver.execute_script("document.activeElement.blur()")
    names = list(stand_in.definitions)
    expected = ["Skip to the content", "Workflow runs", "Find a run", "Copy link", "Refresh", "Overview", *names, "Overview", "Delete definition",
                "All", "Running", "Succeeded", "Failed", "Timed out"]
    stops = pressed_tab(browser, len(expected))
    check("Tab goes from top to bottom", stops == expected, stops)
    browser.driver.execute_script("document.getElementById('skip').focus()")
    browser.keys(Keys.ENTER)
    check("the first stop skips to the content", browser.driver.switch_to.active_element.get_attribute("id") == "main")
    browser.one(".brand").click()
    browser.one("#create").send_keys(Keys.ENTER)
    browser.one("dialog")
    inside = []
    for _ in range(7):
        browser.keys(Keys.TAB)
        inside.append(browser.driver.execute_script("const e = document.activeElement; return e === document.body || !!e.closest('dialog')"))
    check("a dialog keeps the focus", all(inside), inside)
    browser.keys(Keys.ESCAPE)
    check("and gives it back", browser.focused() == "Create definition", browser.focused())


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
            browser.wait("nor does a form from there", lambda: browser.driver.current_url.endswith("/workflow-definitions"))
        check("and the API was never asked", len(stand_in.asked) == asked, stand_in.asked[asked:])
        server.shutdown()


def aws(endpoint, *arguments):
    command = ["aws", "nova-act", *arguments, "--endpoint-url", endpoint.rstrip("/"), "--region", "us-east-1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **CREDENTIALS, "AWS_MAX_ATTEMPTS": "1"})
    return done.stdout + done.stderr


def main():
    browser = Browser()
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_RUNTIME_DIR"] = str(directory)
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
        ended_meanwhile(browser, api)
        definitions(browser, console, api)
        paging(browser, console, api)
        table_by_keyboard(browser, console)
        short_runs(browser, console, api)
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
        overview(browser, console, stand_in)
        searching(browser, console, stand_in)
        dates(browser, console, stand_in)
        finding(browser, console, stand_in)
        opening(browser, stand_in, directory, console)
        one_run(browser, console, stand_in)
        states(browser, console, stand_in)
        cards(browser, console)
        browser.open(f"{console}#/definitions/checkout-flow")
        link = browser.one("td a[target=_blank]").get_attribute("href")
        page = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/"
        check("a log group links into CloudWatch Logs", link == f"{page}$252Fworkflow-runs$252Fcheckout-flow", link)
        keyboard(browser, console, stand_in)
        deletion(browser, console, stand_in)
        browser.logs()
        other = [sent.url for sent in browser.requests if not sent.url.startswith(("http://127.0.0.1:", "about:", "data:", "chrome:"))]
        check("the page has asked no other host", not other, other)
        others = {(one.method, one.url) for one in stand_in.asked if not OPERATION.fullmatch(f"{one.method} {urllib.parse.urlsplit(one.url).path.removeprefix('/prod/workflow-definitions')}")}
        check("and the API for its nine operations only", not others, others)
        policy = [message for message in browser.complaints if "Content Security Policy" in message or "Uncaught" in message]
        check("its policy was never violated, and no script failed", not policy, policy)
        elsewhere(browser, console, stand_in)

        browser.open(f"{console}#/definitions/checkout-flow")
        browser.one("tbody tr")
        child.kill()
        child.wait()
        late = subprocess.run([CONSOLE, "open", "1f0c"], capture_output=True, text=True)
        check("console open says that none is running", late.returncode == 1 and "no console is running" in late.stderr, late)
        browser.one("#refresh").click()
        browser.one("[data-notice=gone]", "The console does not respond")
        check("the page goes on trying", re.search(r"Next try in \d+ s", browser.text("#notice")), browser.text("#notice"))
        check_for_everybody(browser, "gone")

        nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
        console = address(stack.enter_context(process(CONSOLE, api, "--port", "0", "--region", "us-east-1", **nobody)))
        browser.open(console)
        browser.one("[data-state=credentials] h2", "There are no AWS credentials")
        check_for_everybody(browser, "credentials")


if __name__ == "__main__":
    main()
