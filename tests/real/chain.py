"""Types the commands of docs/alerts.md, "From a clone to an alert", and receives what they send:
chain.py BINARY

The demo, Prometheus with the shipped rules and Alertmanager with the shipped example run until each
group of alerts of which the webhook heard has ended: while the demo's data is full and tidied up
again, for more than four hours.

Fails when the first notification comes later than the page says, when a group of alerts about
limits does not end, and when anything else fires than those and what the page says stays.
"""

import http.server
import json
import re
import sys
import threading
import time

import documents
import terminal

PAGE = "docs/alerts.md"
HEADING = "From a clone to an alert"
LIMITS = {"CognitoSyncIdentityNearLimit", "CognitoSyncPoolNearLimit"}


class Webhook:
    """What Alertmanager sends, by groups. A group is a receiver, an alert's name and a pool."""

    def __init__(self):
        self.start = time.monotonic()
        self.first = None
        # Of each group its alerts that were sent as firing and not as resolved since.
        self.firing = {}

    def receive(self, message):
        seconds = time.monotonic() - self.start
        self.first = self.first or seconds
        labels = message["groupLabels"]
        group = (message["receiver"], labels["alertname"], labels.get("identity_pool_id"))
        firing = self.firing.setdefault(group, set())
        counts = {"firing": 0, "resolved": 0}
        for alert in message["alerts"]:
            change = firing.add if alert["status"] == "firing" else firing.discard
            change(alert["fingerprint"])
            counts[alert["status"]] += 1
        print(f"{seconds:6.0f} s {' '.join(map(str, group))}: {counts}", flush=True)

    def serve(self):
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                webhook.receive(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

        server = http.server.HTTPServer(("127.0.0.1", 9999), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()


def promised(pattern):
    """A number of seconds from the page, which says it in minutes."""
    [minutes] = re.findall(pattern, documents.text(PAGE))
    return int(minutes) * 60


def main(binary):
    first = promised(r"first notification comes within (\d+) minutes")
    last = promised(r"the last one ends within (\d+) minutes")
    shell = terminal.Terminal(terminal.checkout(binary, ["dashboards/alerts"]))
    webhook = Webhook()
    webhook.serve()
    [block] = documents.blocks(PAGE, HEADING)
    commands = block.splitlines()
    assert len(commands) == 3, commands
    try:
        for command in commands:
            shell.start(command.replace("cargo run --release --", "cognitosync_exporter"))
        watch(webhook, shell, first, last)
    finally:
        shell.close()
    print(f"first notification after {webhook.first:.0f} s")


def watch(webhook, shell, first, last):
    """Waits until all groups about limits have ended, of each alert at least one."""
    while True:
        time.sleep(1)
        taken = time.monotonic() - webhook.start
        assert (webhook.first or taken) <= first, f"first notification: {webhook.first} s"
        died = [process.args for process, _ in shell.started if process.poll() is not None]
        assert not died, f"{died}\n{shell.printed()}"
        groups = {group: alerts for group, alerts in webhook.firing.items() if group[1] in LIMITS}
        open_groups = [group for group, alerts in groups.items() if alerts]
        if {name for _, name, _ in groups} == LIMITS and not open_groups:
            break
        # The page speaks of when Alertmanager sends it.
        assert taken < last + 60, f"after {taken:.0f} s: {open_groups} of {list(groups)} go on"
    others = {name for _, name, _ in webhook.firing} - LIMITS
    stay = set(re.findall(r"`(\w+)` \(info\) stays", documents.text(PAGE)))
    assert others <= stay, others - stay
    print(f"{len(groups)} groups of alerts ended after {taken:.0f} s")


if __name__ == "__main__":
    terminal.in_namespace()
    main(*sys.argv[1:])
