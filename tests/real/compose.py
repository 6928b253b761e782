"""deploy/compose/compose.yaml without containers: compose.py EXPORTER SCHEMA

The images are not available here. What is tested: the file is valid by the schema of the Compose
Specification in the file SCHEMA; what it mounts is there; the commands of the exporter, Prometheus
and Alertmanager run, with the paths of its mounts on this machine in place of those in containers,
and find one another at the addresses that the files say; Grafana's provisioning files name a
Prometheus that answers and a folder that holds the dashboards. Everything runs in a network of its
own, as in containers; the caller makes it. Prints as JSON what was seen.
"""

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).parents[2]
FILE = ROOT / "deploy/compose/compose.yaml"
# By the name in the image, where another one than here.
PROGRAMS = {"alertmanager": "prometheus-alertmanager"}


class Service:
    def __init__(self, described, volumes):
        self.described, self.paths = described, {}
        for mount in described.get("volumes", []):
            source, target, *mode = mount.split(":")
            if source.startswith("."):
                place = (FILE.parent / source).resolve()
                assert place.is_dir() and mode == ["ro"], mount
            else:
                place = volumes / source
                place.mkdir()
            self.paths[target] = place

    def on_host(self, text):
        """A path in the container, as it is on this machine."""
        for target in sorted(self.paths, key=len, reverse=True):
            if text == target or text.startswith(f"{target}/"):
                return str(self.paths[target]) + text[len(target) :]
        return None

    def command(self, program):
        """What its container runs, on this machine; a script of its shell has the same paths."""
        if shell := self.described.get("entrypoint"):
            [script] = self.described["command"]
            for target, place in self.paths.items():
                script = re.sub(rf"(?<![\w/]){target}(?![\w-])", str(place), script)
            for name, here in PROGRAMS.items():
                script = script.replace(f"exec {name} ", f"exec {here} ")
            return [*shell, script]
        words = []
        for word in self.described["command"]:
            name, equals, value = word.partition("=")
            if value.startswith("/"):
                value = self.on_host(value)
                assert value, f"{word}: nothing is mounted there"
            words.append(f"{name}{equals}{value}")
        return [program, *words]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def eventually(what, look):
    """What it gives once it is true; the whole has a deadline, so that a test fails."""
    until, last = time.monotonic() + 120, None
    while time.monotonic() < until:
        try:
            if last := look():
                return last
        except OSError as error:
            last = error
        time.sleep(0.2)
    raise AssertionError(f"never: {what}: {last}")


def main(exporter, schema):
    described = yaml.safe_load(FILE.read_text())
    jsonschema.validate(described, json.loads(pathlib.Path(schema).read_text()))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        services = {
            name: Service(service, pathlib.Path(folder))
            for name, service in described["services"].items()
        }
        # All in the network of one.
        assert [name for name, one in described["services"].items() if "ports" in one] == [
            "exporter"
        ]
        for name in ["prometheus", "alertmanager", "grafana"]:
            assert described["services"][name]["network_mode"] == "service:exporter"
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for name in ["exporter", "prometheus", "alertmanager"]:
            command = services[name].command(exporter if name == "exporter" else name)
            log = stack.enter_context((pathlib.Path(folder) / f"{name}.log").open("w"))
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        seen = look(services)
        for port in described["services"]["exporter"]["ports"]:
            host, outside, inside = port.split(":")
            assert host == "127.0.0.1" and outside == inside, port
            if inside != "3000":
                get(f"http://127.0.0.1:{inside}/-/healthy")
    json.dump(seen, sys.stdout)


def look(services):
    grafana = services["grafana"]
    provisioning = pathlib.Path(grafana.on_host("/etc/grafana/provisioning"))
    source = yaml.safe_load((provisioning / "datasources/cognitosync.yaml").read_text())
    url = source["datasources"][0]["url"]
    api = f"{url}/api/v1"
    up = eventually(
        "the demo is scraped",
        lambda: json.loads(get(f"{api}/query?query=cognitosync_exporter_build_info"))["data"][
            "result"
        ],
    )
    eventually(
        "Prometheus knows the Alertmanager",
        lambda: json.loads(get(f"{api}/alertmanagers"))["data"]["activeAlertmanagers"],
    )
    alertmanager = eventually(
        "Alertmanager has its configuration",
        lambda: yaml.safe_load(
            json.loads(get("http://127.0.0.1:9093/api/v2/status"))["config"]["original"]
        ),
    )
    groups = json.loads(get(f"{api}/rules"))["data"]["groups"]
    provider = yaml.safe_load((provisioning / "dashboards/cognitosync.yaml").read_text())
    path = pathlib.Path(grafana.on_host(provider["providers"][0]["options"]["path"]))
    boards = [json.loads(file.read_text()) for file in sorted(path.rglob("*.json"))]
    runbooks = {
        variable["query"]
        for board in boards
        for variable in board["templating"]["list"]
        if variable["name"] == "runbooks"
    }
    alerts = {
        rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"
    }
    shipped = {name for name in alerts if name.startswith("CognitoSync")}
    for address in runbooks:
        for alert in shipped:
            assert get(f"{address}/{alert}.md").startswith(f"# {alert}")
    return {
        "instance": up[0]["metric"]["instance"],
        "alerts": len(shipped),
        "runbooks": len(runbooks),
        "boards": [board["uid"] for board in boards],
        # Each as its name, and how it notifies.
        "receivers": [list(receiver.items()) for receiver in alertmanager["receivers"]],
        "inhibited": len(alertmanager["inhibit_rules"]),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
