"""The last check of tests/real/image: the container has little memory and half a processor. What is
set by environment variables SMALL_MACHINE_...:

    IDENTITIES    which are polled
    SECONDS       so long
    SERIES        of the pool: each, top or none
    MEGABYTES     of memory, 2^20 bytes each
    RELOADS       of a changed configuration, one after another

podman leaves control groups alone here, since hosts differ in what of them they have: the runtime
enters a group with these limits and becomes the container.
"""

import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request
import zlib

import image_checks
from container import CHECKOUT, RUN, limit, log, page, podman, remove_all, run, show
from image_checks import LISTED, NAME
from machine import CONTROL_GROUPS, eventually, remove
from stand_in import POOL, PORT

# Microseconds of processor time in each period of so many microseconds.
QUOTA, PERIOD = 50_000, 100_000
LOADED = "cognitosync_exporter_config_last_reload_success_timestamp_seconds"
# Polls a second, and seconds between scrapes.
RATE, PAUSE = 50, 15


def parameter(name, default):
    return type(default)(os.environ.get(f"SMALL_MACHINE_{name}", default))


IDENTITIES, SECONDS = parameter("IDENTITIES", 5_000), parameter("SECONDS", 15)
SERIES, RELOADS = parameter("SERIES", "each"), parameter("RELOADS", 1)
MEMORY = parameter("MEGABYTES", 64) << 20


class Group:
    """A control group of version 2, or one each for memory and processor of version 1. What runs
    beside it does not take its half of a processor away."""

    def __init__(self):
        name = f"small-machine-{time.monotonic_ns()}"
        if "memory" in (CONTROL_GROUPS / "cgroup.controllers").read_text().split():
            self.share_out()
            self.memory = self.cpu = CONTROL_GROUPS / name
            self.memory.mkdir()
            limits = {"memory.max": MEMORY, "memory.swap.max": 0, "cpu.max": f"{QUOTA} {PERIOD}"}
            limits |= {"cpu.weight": 10_000}
            self.peak_file, self.kills_file = "memory.peak", "memory.events"
        else:
            self.memory, self.cpu = (self.mounted(which) / name for which in ["memory", "cpu"])
            self.memory.mkdir()
            self.cpu.mkdir()
            limits = {"memory.limit_in_bytes": MEMORY, "memory.memsw.limit_in_bytes": MEMORY}
            limits |= {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": QUOTA}
            limits |= {"cpu.shares": 1 << 18}
            self.peak_file, self.kills_file = "memory.max_usage_in_bytes", "memory.oom_control"
        for file, value in limits.items():
            at = (self.memory if file.startswith("memory") else self.cpu) / file
            # A kernel that does not count swap has no limit for it.
            if "sw" not in file or at.exists():
                at.write_text(str(value))
                assert at.read_text().strip() == str(value), f"{at} is {at.read_text()}"

    @staticmethod
    def share_out():
        """Lets groups have limits. The kernel's answer is EBUSY where the group above is not the
        root of all and has processes: in most containers."""
        try:
            (CONTROL_GROUPS / "cgroup.subtree_control").write_text("+memory +cpu")
        except OSError as error:
            raise AssertionError(
                f"this host's group cannot share out its limits: {error}"
            ) from None

    @staticmethod
    def mounted(controller):
        """The hierarchy of a controller, which is mounted with those that are in it as well."""
        at = RUN / "control-groups" / controller
        at.mkdir(parents=True)
        lines = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
        hierarchies = [line.split(":")[1] for line in lines]
        found = [names for names in hierarchies if controller in names.split(",")]
        assert found, f"this host has no control groups for {controller}"
        mount = ["mount", "-t", "cgroup", "-o", found[0], controller, at]
        ran = subprocess.run(mount, capture_output=True, text=True)
        assert ran.returncode == 0, (
            f"this host has no control groups for {controller}: {ran.stderr}"
        )
        return at

    def join(self):
        """The commands with which a shell enters it."""
        return "\n".join(f"echo $$ >{at}/cgroup.procs" for at in [self.memory, self.cpu])

    def peak(self):
        return int((self.memory / self.peak_file).read_text())

    def kills(self):
        return self.number(self.memory / self.kills_file, "oom_kill")

    def throttled(self):
        return self.number(self.cpu / "cpu.stat", "nr_throttled")

    @staticmethod
    def number(file, name):
        return int(re.search(rf"^{name} (\d+)$", file.read_text(), re.M)[1])

    def python(self, program):
        """Starts a program of Python within its limits."""
        script = f"{self.join()}\nexec python3 -c '{program}'"
        return subprocess.Popen(["bash", "-ec", script], stderr=subprocess.DEVNULL)

    def remove(self):
        for group in {self.memory, self.cpu}:
            eventually(f"{group} is empty", lambda group=group: remove(group))


class Scrape:
    """One as Prometheus makes it."""

    def __init__(self):
        accept = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
        request = urllib.request.Request("http://127.0.0.1:10520/metrics", headers=accept)
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=60) as response:
            body = response.read()
        self.at = time.monotonic()
        self.took, self.bytes = self.at - began, len(body)
        text = zlib.decompress(body, wbits=31)
        assert text.endswith(b"# EOF\n"), "a scrape is cut off"
        self.identities = text.count(b"\ncognitosync_identity_up{")
        # The exporter's own families come last.
        self.own = text[-200_000:].decode()

    def sample(self, name):
        return float(re.search(rf"^{name} (\S+)", self.own, re.M)[1])

    def polls(self):
        return self.sample("cognitosync_exporter_polls_total")


def configure(interval, rate):
    at = CHECKOUT / "exporter"
    ids = (f"us-east-1:{n:08x}-9c6b-4a7e-8f6d-3f8f1f0a9e10\n" for n in range(IDENTITIES))
    (at / "identities.txt").write_text("".join(ids))
    (at / "config.yaml").write_text(
        f"poll: {{interval: {interval}s, rate_limit: {rate}}}\n"
        f"pools: [{{id: '{POOL}0', endpoint_url: 'https://{LISTED}:{PORT}', series: {SERIES}, "
        "identity_files: [identities.txt]}]\n"
    )


def known_of_all(world):
    """Polls everybody once, as fast as the stand-in answers, and leaves the state."""
    world.trusts(True)
    # With a state it would go on with the rate that was known.
    podman("volume", "rm", "--force", NAME)
    # Polls are spread over the interval.
    configure(5 + IDENTITIES // 1000, 5000)
    run(page("Run it")[0])
    asked = "cognitosync_exporter_polls_total"
    eventually(
        "everybody was polled",
        lambda: image_checks.samples().get(asked, 0) >= IDENTITIES,
        60 + IDENTITIES // 50,
    )
    podman("stop", NAME)
    podman("rm", NAME)


def scraped():
    """Scrapes until so many polls are made as belong to the time. Reloads come first: old and new
    targets are in memory then."""
    scrapes = [Scrape()]
    deadline = scrapes[0].at + 10 * SECONDS
    for number in range(RELOADS):
        before = Scrape().sample(LOADED)
        configure(59 - number, RATE)
        podman("kill", "--signal", "HUP", NAME)
        eventually("it is loaded", lambda before=before: Scrape().sample(LOADED) > before)
    while scrapes[-1].polls() < scrapes[0].polls() + RATE * SECONDS:
        assert time.monotonic() < deadline, f"too few polls: {scrapes[-1].polls()}"
        time.sleep(max(0, scrapes[-1].at + PAUSE - time.monotonic()))
        scrapes.append(Scrape())
    return scrapes


def limits_are_real(group):
    """What needs more than the limits is killed, or waits, in the group and nowhere else."""
    hog = f"bytearray({MEMORY * 3 // 2})"
    assert subprocess.run(["python3", "-c", hog]).returncode == 0
    assert group.python(hog).wait() == -signal.SIGKILL and group.kills() == 1
    before = group.throttled()
    busy = group.python("while True: pass")
    try:
        eventually("half a processor is the limit", lambda: group.throttled() > before)
    finally:
        busy.kill()
        busy.wait()


def check(world):
    known_of_all(world)
    configure(60, RATE)
    group = Group()
    try:
        world.trusts(True, limit(group.join()))
        run(page("Run it")[0])
        pid = show(NAME, "State.Pid")
        assert pid in (group.memory / "cgroup.procs").read_text().split()
        assert pid in (group.cpu / "cgroup.procs").read_text().split()
        eventually("it is ready", lambda: image_checks.ask("/-/ready"))
        scrapes = scraped()
        assert show(NAME, "State.Pid") == pid and show(NAME, "RestartCount") == "0", log(NAME)
        assert group.kills() == 0
        shown = {scrape.identities for scrape in scrapes}
        assert shown == {IDENTITIES if SERIES == "each" else 100}, shown
        peak, throttled = group.peak(), group.throttled()
        began = time.monotonic()
        podman("stop", NAME)
        stopped = time.monotonic() - began
        assert show(NAME, "State.ExitCode") == "0", log(NAME)
        podman("rm", NAME)
        limits_are_real(group)
    finally:
        remove_all()
        group.remove()
    return figures(scrapes, peak, throttled, stopped)


def figures(scrapes, peak, throttled, stopped):
    first, last = scrapes[0], scrapes[-1]
    elapsed = last.at - first.at
    cpu = last.sample("process_cpu_seconds_total") - first.sample("process_cpu_seconds_total")
    resident = max(scrape.sample("process_resident_memory_bytes") for scrape in scrapes)
    slowest = max(scrape.took for scrape in scrapes)
    return (
        f"{(last.polls() - first.polls()) / elapsed:.1f} polls/s for {elapsed:.0f} s, "
        f"{len(scrapes)} scrapes of {last.bytes / 1e6:.1f} MB, the slowest {slowest:.2f} s; "
        f"resident {resident / 1e6:.0f} MB, the group's peak {peak / 1e6:.0f} of "
        f"{MEMORY / 1e6:.0f} MB, {100 * cpu / elapsed:.1f} % of a processor, "
        f"throttled in {throttled} periods of {PERIOD // 1000} ms; {RELOADS} reloads, no restart, "
        f"stopped in {stopped:.2f} s"
    )
