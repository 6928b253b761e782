"""What tests/real/boot checks: the service on a booted machine.

Each check returns a remark for the report, or raises AssertionError.
"""

import contextlib
import http.client
import json
import re
import socket
import threading
import time

import documents
from checks import run as run_checks
from machine import ROOT, eventually
from stand_in import CognitoSync, configuration

UNIT = "cognitosync_exporter.service"
SOCKET = "cognitosync_exporter.socket"
ETC = "/etc/cognitosync_exporter"
DEFAULTS = "/etc/default/cognitosync_exporter"
DROP_IN = f"/run/systemd/system/{UNIT}.d"
PORT = 10520
# The key of each file, which only root can read.
KEYS = {"aws-credentials": "AKIDOFCREDENTIALS", "aws-config": "AKIDOFCONFIG"}
# systemd's "Starting ..." of a unit.
STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"


WRONG = "nonsense: true\n"


class Service:
    """The service on a machine, installed by the commands of docs/systemd.md."""

    program = "/usr/local/bin/cognitosync_exporter"

    def __init__(self, machine):
        self.machine, self.run = machine, machine.run
        self.sync = CognitoSync()
        keys = "aws_access_key_id={}\naws_secret_access_key=x\n".format
        checkout = machine.inside("/root/checkout")
        (checkout / "config.yaml").write_text(configuration(1))
        (checkout / "aws-credentials").write_text("[default]\n" + keys(KEYS["aws-credentials"]))
        (checkout / "aws-config").write_text("[profile staging]\n" + keys(KEYS["aws-config"]))
        (checkout / "web.yaml").write_text(
            "http_server_config: {headers: {X-Frame-Options: deny}}\n"
        )
        self.install()

    def install(self):
        # Says so in plain words when the binary needs a newer glibc than the machine's.
        self.run("target/release/cognitosync_exporter --version")
        self.run(documents.blocks("docs/systemd.md", "As a service")[0])
        self.has_usage(2)

    def journal(self, options=""):
        return self.machine.journal(f"-u {UNIT} -u {SOCKET} {options}")

    def show(self, name, unit=UNIT):
        return self.machine.show(unit, name)

    def starts(self, since):
        """The times when it was started, as far as after `since`, by the monotonic clock."""
        lines = self.machine.journal(f"-o json -u {UNIT} MESSAGE_ID={STARTING}")
        times = [int(json.loads(line)["__MONOTONIC_TIMESTAMP"]) / 1e6 for line in lines]
        return [at for at in times if at > since]

    def configure(self, text):
        self.machine.write(f"{ETC}/config.yaml", text)

    def mend(self):
        """What the next check finds after one that failed."""
        self.configure(configuration(2))
        self.run(f"rm -rf {DEFAULTS} {DROP_IN}; systemctl daemon-reload; systemctl restart {UNIT}")

    def samples(self):
        """A scrape, by the names of the samples with their labels."""
        return samples(scrape())

    def has_usage(self, identities):
        """Waits until every identity has usage."""

        def probe():
            found = [name for name in self.samples() if "cognitosync_identity_up{" in name]
            return len(found) == identities

        eventually(f"usage of {identities} identities", probe)

    def active(self):
        return self.show("ActiveState") == "active"


def run(service, checks):
    """Runs checks on a service, with its journal after each that fails. Returns how many fail."""

    def mend():
        print(*service.journal("-n 20"), sep="\n  ", flush=True)
        service.mend()

    return run_checks(service.machine.name, checks, service, mend=mend)


def answer(path="/metrics", seconds=90):
    """Asks once, with a connection of its own; the response and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=seconds)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        return response, response.read().decode()


def scrape():
    response, body = answer()
    assert response.status == 200, f"a scrape is answered {response.status}"
    return body


def samples(body):
    """The samples of a scrape, by their names with their labels."""
    lines = (line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))
    return {sample: float(value) for sample, value in lines}


def is_refused():
    """Whether nobody listens."""
    try:
        scrape()
    except ConnectionRefusedError:
        return True
    return False


class Clients:
    """Scrapes without pause, each on a connection of its own, from entering to leaving."""

    def __init__(self, number):
        self.whole, self.failures, self.done = 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.ask) for _ in range(number)]

    def ask(self):
        while not self.done.is_set():
            try:
                scrape()
                self.whole += 1
            except (AssertionError, OSError, http.client.HTTPException) as error:
                self.failures.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def refused(self):
        return [error for error in self.failures if isinstance(error, ConnectionRefusedError)]


def good_start(service):
    for unit in [UNIT, SOCKET]:
        assert service.show("ActiveState", unit) == "active"
        assert service.show("UnitFileState", unit) == "enabled"
        documents = re.findall(r"file:(\S+)", service.show("Documentation", unit))
        assert documents, "no document is named"
        assert all(service.machine.inside(document).is_file() for document in documents), documents
    assert service.show("NRestarts") == "0"
    warnings = service.journal("-p warning")
    warnings += [line for line in service.journal() if "level=warn" in line]
    # That it has no login is one.
    warnings = [line for line in warnings if "--web.config.file" not in line]
    assert not warnings, warnings
    return "active, enabled, no other warning"


def sandbox(service):
    told = service.run(f"systemd-analyze security --no-pager {UNIT}").stdout
    exposure = re.search(r"Overall exposure level .*: ([\d.]+)", told)[1]
    promised = re.search(r"`systemd-analyze security` gives ([\d.]+)", PAGE.read_text())[1]
    assert exposure == promised, f"{exposure} in place of {promised}"
    pid = service.show("MainPID")
    status = service.machine.inside(f"/proc/{pid}/status").read_text()
    for expected in [r"Uid:\t[1-9]", r"CapEff:\t0+\n", r"NoNewPrivs:\t1", r"Seccomp:\t2"]:
        assert re.search(expected, status), expected
    mounts = service.machine.inside(f"/proc/{pid}/mountinfo").read_text()
    options = re.findall(r"^\S+ \S+ \S+ \S+ / (\S+)", mounts, re.M)[-1].split(",")
    assert {"ro", "noexec"} <= set(options), options
    # It may run itself and kill, and nothing else.
    enter = f"nsenter --target {pid} --mount"
    service.run(f"{enter} {service.program} --version; {enter} kill -L")
    refused = service.run(f"{enter} true", check=False)
    assert "Permission denied" in refused.stderr, refused
    return f"exposure {exposure}, noexec"


def credentials(service):
    eventually("both keys sign calls", lambda: set(KEYS.values()) == service.sync.keys)
    modes = service.run(f"stat -c '%a %U' {ETC}/aws-c*").stdout.split("\n")
    assert modes[:2] == ["600 root"] * 2, modes
    good = {
        name: value
        for name, value in service.samples().items()
        if name.startswith("cognitosync_exporter_api_credentials_good")
    }
    assert list(good.values()) == [1, 1], good
    assert answer()[0].headers["X-Frame-Options"] == "deny", "web.yaml is not in force"
    return "two keys and web.yaml, of files that are root's"


def process_metrics(service):
    started = float(service.show("ExecMainStartTimestamp").removeprefix("@"))
    found = service.samples()["process_start_time_seconds"]
    assert abs(found - started) < 2, f"{found}, started at {started}"
    eventually(
        "processor time in hundredths of a second",
        lambda: service.samples()["process_cpu_seconds_total"] % 1,
    )
    return "start and processor time"


def reload(service):
    pid = service.show("MainPID")
    service.configure(configuration(2))
    service.run(f"systemctl reload {UNIT}")
    service.has_usage(4)

    service.configure(WRONG)
    refused = service.run(f"systemctl reload {UNIT}", check=False)
    assert refused.returncode, "a wrong configuration was reloaded"
    assert any("nonsense" in line for line in service.journal()), "the journal has no reason"
    service.has_usage(4)
    # As the exporter itself does when it finds the changed file.
    service.run(f"systemctl kill --kill-whom=main --signal=HUP {UNIT}")
    eventually("the reason in the status", lambda: "nonsense" in service.show("StatusText"))
    service.configure(configuration(2))
    service.run(f"systemctl reload {UNIT}")
    eventually("no reason in the status", lambda: "nonsense" not in service.show("StatusText"))
    assert service.show("MainPID") == pid
    return "the good one in force, the wrong one refused and explained"


def state(service):
    service.run(f"systemctl restart {UNIT}")
    restored = service.samples()["cognitosync_exporter_state_restored_identities"]
    assert restored == 4, f"{restored} identities are restored"
    directory = "/var/lib/private/cognitosync_exporter/state"
    modes = service.run(f"stat -c %a {directory} {directory}/state.redb").stdout.split()
    assert modes == ["700", "600"], modes
    return "known again after a restart, and readable by nobody else"


def flags(service):
    service.machine.write(DEFAULTS, 'ARGS="--log.level=debug --log.format=json"\n')
    service.run(f"systemctl restart {UNIT}")
    pid = service.show("MainPID")
    command = service.machine.inside(f"/proc/{pid}/cmdline").read_text().split("\0")
    assert command[-3:-1] == ["--log.level=debug", "--log.format=json"], command
    service.run(f"rm {DEFAULTS}; systemctl restart {UNIT}")
    return "of /etc/default"


def socket_under_load(service):
    with Clients(4) as clients:
        # More often than systemd's default limit of starts.
        for _ in range(7):
            service.run(f"systemctl restart {UNIT}")
        assert not clients.failures, clients.failures
        service.run(f"systemctl kill --kill-whom=main --signal=KILL {UNIT}")
        whole = eventually("it was killed", lambda: not service.active() and clients.whole)
        eventually("it is back", lambda: service.active() and clients.whole > whole)
    assert not clients.refused(), clients.failures
    assert service.show("ActiveState", SOCKET) == "active"
    # Each client may have one answer cut off by SIGKILL.
    assert len(clients.failures) <= 4, clients.failures
    return f"{clients.whole} scrapes, 0 refused, {len(clients.failures)} cut off by SIGKILL"


def sockets_again(service):
    # systemd closes a socket's port some time after it has stopped it.
    for _ in range(30):
        service.run(f"systemctl restart {SOCKET} {UNIT}")
    assert service.show("ActiveState", SOCKET) == "active"
    return "30 restarts, the port is never in use"


def watchdog(service):
    service.run(f"mkdir {DROP_IN}; printf '[Service]\\nWatchdogSec=10s\\n' >{DROP_IN}/short.conf")
    service.run(f"systemctl daemon-reload; systemctl restart {UNIT}")
    restarts = int(service.show("NRestarts"))
    service.run(f"systemctl kill --kill-whom=main --signal=STOP {UNIT}")
    # This scrape waits in the queue of the process that does not run.
    scrape()
    assert int(service.show("NRestarts")) == restarts + 1
    assert any("Watchdog timeout" in line for line in service.journal())
    service.run(f"rm -r {DROP_IN}; systemctl daemon-reload; systemctl restart {UNIT}")
    return "a stopped process is restarted, a scrape waits"


def three_starts(service):
    """Waits for three starts that fail, which are 5 s apart."""
    began = time.monotonic()
    service.run(f"systemctl restart {UNIT}", check=False)
    eventually("three starts", lambda: len(service.starts(began)) >= 3)
    starts = service.starts(began)
    gaps = [later - sooner for sooner, later in zip(starts, starts[1:], strict=False)]
    assert min(gaps) > 4.5, f"starts are {gaps} s apart"
    assert service.show("ActiveState", SOCKET) == "active"


def failure_with_clients(service):
    service.configure(WRONG)
    with Clients(4) as clients:
        three_starts(service)
        socket.create_connection(("127.0.0.1", PORT), timeout=5).close()
        before = clients.whole
        service.configure(configuration(2))
        eventually("scrapes are answered again", lambda: clients.whole > before)
        clients.done.set()
    assert not clients.failures, clients.failures
    service.has_usage(4)
    return "starts 5 s apart, scrapes wait, the mended file heals it"


def failure_without_clients(service):
    service.machine.write(DEFAULTS, "ARGS=--no-such-flag\n")
    three_starts(service)
    service.run(f"rm {DEFAULTS}")
    eventually("it is active again", service.active)
    service.has_usage(4)
    return "starts 5 s apart, the mended command line heals it"


def stop(service):
    held = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(40)]
    service.run(f"systemctl stop {UNIT}")
    assert service.show("Result") == "success"
    scrape()
    assert service.active(), "a connection starts the stopped service"
    service.run(f"systemctl stop {SOCKET} {UNIT}")
    assert service.show("Result") == "success"
    for connection in held:
        connection.close()
    assert is_refused(), "the port is open without its socket"
    service.run(f"systemctl start {SOCKET} {UNIT}")
    return "among clients that hold on; a connection starts it, with its socket stopped none"


def reboot(service):
    service.machine.reboot()
    eventually("it is active", service.active)
    service.has_usage(4)
    return "it comes up"


def priorities(service):
    service.configure(WRONG)
    service.run(f"systemctl kill --kill-whom=main --signal=HUP {UNIT}")
    eventually("the reason in the status", lambda: "nonsense" in service.show("StatusText"))
    service.configure(configuration(2))
    eventually(
        "it in journalctl -p warning",
        lambda: any("reload failed" in line for line in service.journal("-p warning")),
        10,
    )
    return "journalctl -p warning shows the exporter's own"


PAGE = ROOT / "docs/systemd.md"
CHECKS = [
    good_start,
    sandbox,
    credentials,
    process_metrics,
    reload,
    state,
    flags,
    socket_under_load,
    sockets_again,
    watchdog,
    failure_with_clients,
    failure_without_clients,
    stop,
    reboot,
    priorities,
]
