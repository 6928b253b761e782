"""What rules cost, and how large notifications are: rules.py SHIPPED BEFORE IDENTITIES SECONDS NEAR

SHIPPED is the folder of the shipped rules and examples, BEFORE one of the rules to compare with. A
real Prometheus scrapes the series of so many identities, which this script serves, without rules,
with those of BEFORE and with the shipped ones, for so many seconds each: what the process takes
more with rules than without is their cost. Then NEAR identities come near a limit, and a real
Alertmanager, without the example's inhibition, sends what it has to a webhook.

Prints as JSON: for each set of rules `cpu` (seconds of processor time a minute, of which
the shipped ones cost a `part` at their own intervals, and the `busiest` group takes a part
of its interval), `samples` (that the rules read in a minute at their own intervals), `groups` (the
longest evaluation of each, in seconds), `missed` (iterations) and `bad` (rules that failed);
`alerts` (that were active at the end) and `largest` (the longest notification, in bytes).
"""

import collections
import http.server
import json
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

POOL = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11"
MIB = 1 << 20
EVERY = 15
GROUP = re.compile(r'(prometheus_rule_group_\w+)\{rule_group=".*/([^/"]+\.yaml);([^"]+)"\} (\S+)')


class World:
    """Identities with one to three datasets, most of them small; one in four wrote lately."""

    def __init__(self, identities):
        chance = random.Random(1)
        self.ids = [
            f"us-east-1:{n:08x}-0000-4000-8000-{chance.getrandbits(48):012x}"
            for n in range(identities)
        ]
        self.sizes = [
            sorted(int(MIB * chance.random() ** 4) for _ in range(chance.choice([1, 1, 1, 2, 3])))
            for _ in self.ids
        ]
        self.written = [
            chance.uniform(0, 20 if chance.random() < 0.25 else 900) * 86_400 for _ in self.ids
        ]
        self.near = 0
        self.scrapes = 0

    def text(self):
        self.scrapes += 1
        now = time.time()
        families = {
            name: [f"# TYPE cognitosync_identity_{name} gauge\n"]
            for name in (
                "datasets",
                "storage_bytes",
                "last_modified_timestamp_seconds",
                "last_modified_age_seconds",
                "up",
                "last_success_timestamp_seconds",
                "largest_dataset_storage_bytes",
                "largest_dataset_records",
            )
        }
        for index, identity in enumerate(self.ids):
            sizes = [int(0.83 * MIB)] if index < self.near else self.sizes[index]
            largest = sizes[-1]
            if index % 10 == 0:
                largest += self.scrapes
            age = 60 if index < self.near else self.written[index]
            values = {
                "datasets": len(sizes),
                "storage_bytes": sum(sizes[:-1]) + largest,
                "last_modified_timestamp_seconds": int(now - age),
                "last_modified_age_seconds": age,
                "up": 1,
                "last_success_timestamp_seconds": int(now),
            }
            # Lists are current of most of those that do not write.
            if index % 5:
                values["largest_dataset_storage_bytes"] = largest
                values["largest_dataset_records"] = 1 + largest // 1_100
            labels = f'{{identity_pool_id="{POOL}",identity_id="{identity}"}}'
            for name, value in values.items():
                families[name].append(f"cognitosync_identity_{name}{labels} {value}\n")
        return "".join(line for lines in families.values() for line in lines) + self.pool()

    def pool(self):
        everybody = len(self.ids)
        of_pool = {
            "watched_identities": everybody,
            "watched_storage_bytes": sum(map(sum, self.sizes)),
            "storage_bytes": sum(map(sum, self.sizes)),
            "identities_without_series": 0,
            "dataset_storage_limit_bytes": MIB,
            "dataset_records_limit": 1_024,
            "identity_datasets_limit": 20,
            # What the rules to compare with measure against.
            "identity_storage_limit_bytes": 20 * MIB,
        }
        lines = [
            f'cognitosync_pool_{name}{{identity_pool_id="{POOL}"}} {value}\n'
            for name, value in of_pool.items()
        ]
        states = {"fresh": everybody, "failing": 0, "stale": 0, "missing": 0, "pending": 0}
        labelled = [("info", 'name="production"', 1)]
        labelled += [("identities", f'state="{state}"', value) for state, value in states.items()]
        for le in ("0.5", "0.8", "0.95", "1.0", "2592000.0", "+Inf"):
            for name in ("identity_storage_used", "identity_datasets_used"):
                labelled.append((f"{name}_ratio_bucket", f'le="{le}"', everybody))
            labelled.append(("identity_idle_seconds_bucket", f'le="{le}"', everybody))
        for limit in ("dataset_storage", "dataset_records", "datasets"):
            for name in ("full", "full_active", "above_limit"):
                labelled.append((f"identities_{name}", f'limit="{limit}"', 0))
        for window in ("7d", "30d"):
            labelled.append(("identities_full_within", f'window="{window}"', 0))
        lines += [
            f'cognitosync_pool_{name}{{identity_pool_id="{POOL}",{label}}} {value}\n'
            for name, label, value in labelled
        ]
        lines.append('cognitosync_exporter_build_info{version="0",revision="x",rustc="1"} 1\n')
        return "".join(lines)


def served(answer):
    """Answers GET with what `answer` makes, and gives it what is posted; the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.reply(answer(b"").encode())

        def do_POST(self):
            answer(self.rfile.read(int(self.headers["content-length"])))
            self.reply(b"")

        def reply(self, body):
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def get(url, data=None):
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60) as answer:
        return answer.read().decode()


def eventually(look, seconds=300):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            seen = look()
        except (urllib.error.URLError, ConnectionError):
            seen = None
        if seen:
            return seen
        time.sleep(0.5)
    sys.exit(f"not within {seconds} s")


def cpu(metrics):
    return float(re.search(r"\nprocess_cpu_seconds_total (\S+)", metrics)[1])


class Prometheus:
    def __init__(self, folder, exporter, alertmanager):
        self.file = folder / "prometheus.yml"
        self.exporter, self.alertmanager = exporter, alertmanager
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.write([])
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self.file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-lifecycle",
            ],
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: self.query("count(cognitosync_identity_storage_bytes)"))

    def write(self, rules):
        self.file.write_text(
            json.dumps(
                {
                    "global": {
                        "scrape_interval": f"{EVERY}s",
                        "scrape_timeout": f"{EVERY}s",
                        "evaluation_interval": f"{EVERY}s",
                    },
                    "rule_files": [str(file) for file in rules],
                    "alerting": {
                        "alertmanagers": [
                            {"static_configs": [{"targets": [f"127.0.0.1:{self.alertmanager}"]}]}
                        ]
                    },
                    "scrape_configs": [
                        {
                            "job_name": "cognitosync",
                            "static_configs": [{"targets": [f"127.0.0.1:{self.exporter}"]}],
                        }
                    ],
                }
            )
        )

    def use(self, rules):
        self.write(rules)
        get(f"{self.url}/-/reload", b"")

    def asked(self, query):
        body = urllib.parse.urlencode({"query": query, "stats": "all"}).encode()
        return json.loads(get(f"{self.url}/api/v1/query", body))["data"]

    def query(self, query):
        return [float(one["value"][1]) for one in self.asked(query)["result"]]

    def rules(self):
        """Group, name, expression and health of each rule in force."""
        groups = json.loads(get(f"{self.url}/api/v1/rules"))["data"]["groups"]
        return [
            (group["name"], rule["name"], rule["query"], rule["health"])
            for group in groups
            for rule in group["rules"]
        ]

    def samples(self, rules, intervals):
        """How many samples these rules read in a minute, by the intervals of their groups.

        As Prometheus counts them, so it is the same on any machine.
        """
        groups = collections.Counter()
        for group, _, query, _ in rules:
            groups[group] += self.asked(query)["stats"]["samples"]["totalQueryableSamples"]
        return each_minute(groups, intervals)

    def measure(self, rules, seconds):
        """Processor time a minute while these rules are in force, and what their groups take."""
        self.use(rules)
        eventually(lambda: all(health != "unknown" for *_, health in self.rules()))
        before, start, groups = cpu(get(f"{self.url}/metrics")), time.monotonic(), {}
        while time.monotonic() < start + seconds:
            time.sleep(1)
            for name, _, group, value in GROUP.findall(get(f"{self.url}/metrics")):
                key = (group, name.removeprefix("prometheus_rule_group_"))
                groups[key] = max(float(value), groups.get(key, 0))
        took, text = time.monotonic() - start, get(f"{self.url}/metrics")
        return {
            "cpu": (cpu(text) - before) / took * 60,
            "groups": {
                group: value
                for (group, name), value in groups.items()
                if name == "last_duration_seconds"
            },
            "missed": sum(
                value for (_, name), value in groups.items() if name == "iterations_missed_total"
            ),
            "bad": [name for _, name, _, health in self.rules() if health != "ok"],
        }


def alertmanager(folder, shipped, webhook):
    """Of the shipped example all but its patience and its inhibition; the process and its port."""
    text = (shipped / "alertmanager.example.yaml").read_text()
    head, rest = text.split("inhibit_rules:")
    text = head + rest[rest.index("receivers:") :]
    text = text.replace("127.0.0.1:9999", f"127.0.0.1:{webhook}")
    text = re.sub(r"group_wait: .*", "group_wait: 5s", text)
    text = text.replace("group_interval: 5m", "group_interval: 10s")
    file = folder / "alertmanager.yml"
    file.write_text(text)
    port = free_port()
    process = subprocess.Popen(
        [
            "prometheus-alertmanager",
            f"--config.file={file}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stderr=subprocess.DEVNULL,
    )
    return process, port


def files(folder):
    return [(folder / name).resolve() for name in ("recording.yaml", "alerts.yaml")]


def changed(rules, folder, before, after):
    """A copy of the rules in another folder, with another text where this pattern is."""
    folder.mkdir()
    for file in files(rules):
        (folder / file.name).write_text(re.sub(before, after, file.read_text()))
    return folder


def each_minute(groups, intervals):
    """What such groups add up to in a minute, by these intervals."""
    return sum(value / intervals.get(group, EVERY / 60) for group, value in groups.items())


def busiest(groups, intervals):
    """The largest part of its own interval that a group's longest evaluation took."""
    return max(took / 60 / intervals.get(group, EVERY / 60) for group, took in groups.items())


def minutes(rules):
    """The intervals of the groups that have one; the others run as often as scrapes."""
    text = "".join(file.read_text() for file in files(rules))
    found = re.findall(r"- name: (\S+)\n(?: +#.*\n)*    interval: (\d+)([ms])", text)
    return {group: int(number) / {"s": 60, "m": 1}[unit] for group, number, unit in found}


def main(shipped, before, identities, seconds, near):
    shipped, before = pathlib.Path(shipped), pathlib.Path(before)
    identities, seconds, near = int(identities), int(seconds), int(near)
    world, sent = World(identities), []
    exporter = served(lambda _: world.text())

    def receive(body):
        message = json.loads(body)
        sent.append((len(message["alerts"]) + message["truncatedAlerts"], len(body)))

    webhook = served(receive)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        notifier, port = alertmanager(folder, shipped, webhook)
        prometheus = Prometheus(folder, exporter, port)
        try:
            figures = {"none": prometheus.measure([], seconds)}
            figures["before"] = prometheus.measure(files(before), seconds)
            rules_before = prometheus.rules()
            # Each group runs at least each minute here, so that it can be measured within some.
            interval = f"\n    interval: {min(60, seconds)}s"
            often = changed(shipped, folder / "often", r"\n    interval: .*", interval)
            figures["shipped"] = prometheus.measure(files(often), seconds)
            # At the same time of both, so that a window of a day has as many samples.
            rules, intervals = prometheus.rules(), minutes(shipped)
            figures["before"]["samples"] = prometheus.samples(rules_before, minutes(before))
            figures["shipped"]["samples"] = prometheus.samples(rules, intervals)
            groups = figures["shipped"]["groups"]
            figures["shipped"]["part"] = each_minute(groups, intervals) / each_minute(
                groups, minutes(often)
            )
            figures["shipped"]["busiest"] = busiest(groups, intervals)
            # Alerts at once, in place of after five minutes.
            prometheus.use(files(changed(often, folder / "hasty", r"\bfor: 5m", "for: 0s")))
            world.near = near
            active = 'count(ALERTS{alertname="CognitoSyncIdentityNearLimit",alertstate="firing"})'
            figures["alerts"] = eventually(
                lambda: [count for count in prometheus.query(active) if count >= near]
            )[0]
            eventually(lambda: any(count >= near for count, _ in sent))
            figures["largest"] = max(size for _, size in sent)
        finally:
            for process in (prometheus.process, notifier):
                process.kill()
                process.wait()
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
