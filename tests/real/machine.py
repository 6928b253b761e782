"""A Debian that boots under systemd-nspawn in namespaces of its own, for tests/real/boot.

The trees stay under target/boot. A machine writes to memory above its tree, so the tree stays as
it was built, and what the machine writes outlives its reboots but not the process.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Of the program, its packages and its manifests.
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
TREES = ROOT / "target/boot"
PACKAGES = "systemd,systemd-sysv,dbus,libpam-systemd,ca-certificates,procps,sudo"
CHECKOUT = "/root/checkout"
CONTROL_GROUPS = pathlib.Path("/sys/fs/cgroup")
# Exit code of systemd-nspawn when the machine reboots.
REBOOTED = 133


def tree(suite):
    """The tree of a suite of Debian. It is built once."""
    at = TREES / suite
    if not at.exists():
        TREES.mkdir(parents=True, exist_ok=True)
        unfinished = TREES / f"{suite}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        print(f"{suite}: building {at.relative_to(ROOT)}", flush=True)
        options = ["--quiet", "--variant=minbase", f"--include={PACKAGES}"]
        if subprocess.run(["mmdebstrap", *options, suite, unfinished]).returncode:
            raise SystemExit(f"{suite}: mmdebstrap cannot build the tree")
        unfinished.rename(at)
    return at


def in_namespaces(*arguments):
    """The command that runs this program again in mount, network and process namespaces. When it
    ends, so does everything in them."""
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return [*unshare, sys.executable, sys.argv[0], *arguments]


def control_groups():
    """Mounts the unified hierarchy of control groups, also where the host has the hybrid one."""
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", CONTROL_GROUPS], check=True)


def remove(group):
    """Whether an empty control group could be removed."""
    try:
        group.rmdir()
    except OSError:
        return False
    return True


def eventually(what, probe, seconds=90):
    """What the probe returns, as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return found


class Machine:
    """One booted Debian. Its network is that of the calling process."""

    def __init__(self, suite, name, binary):
        self.name, self.binary = name, binary
        self.log = TREES / f"{name}.log"
        control_groups()
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # systemd-nspawn keeps locks and sockets there.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        layers = pathlib.Path("/run/boot")
        for layer in ["upper", "work", "root"]:
            (layers / layer).mkdir(parents=True)
        self.root = layers / "root"
        options = f"lowerdir={tree(suite)},upperdir={layers}/upper,workdir={layers}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        checkout = self.root / CHECKOUT.lstrip("/")
        for directory in ["docs", "systemd"]:
            shutil.copytree(ROOT / directory, checkout / directory)
        for file in [*ROOT.glob("*.md"), ROOT / "config.example.yaml"]:
            shutil.copy(file, checkout)
        self.log.write_text("")
        self.boot()

    def boot(self):
        """Boots, and waits until systemd says that it is up."""
        # A group of its own: only a group without children has processes.
        self.group = CONTROL_GROUPS / f"boot-{self.name}-{time.monotonic_ns()}"
        self.group.mkdir()
        nspawn = (
            f"echo $$ >{self.group}/cgroup.procs; exec systemd-nspawn --boot "
            f"--directory={self.root} --machine={self.name} --register=no --keep-unit "
            f"--bind-ro={self.binary}:{CHECKOUT}/target/release/cognitosync_exporter "
            "--console=pipe --link-journal=no --notify-ready=no --resolv-conf=off --timezone=off"
        )
        with self.log.open("a") as log:
            self.nspawn = subprocess.Popen(
                ["sh", "-ec", nspawn], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            eventually("systemd is up", self.is_up)
        except AssertionError as error:
            raise SystemExit(f"{self.name}: {error}\n{self.log.read_text()[-2000:]}") from None

    def stop(self):
        """Ends the machine, and removes its control group."""
        if self.nspawn.poll() is None:
            # With its first process all others of the machine end.
            os.kill(int(self.leader), signal.SIGKILL)
            self.nspawn.wait()
        below = sorted(self.group.rglob("*"), reverse=True)
        groups = [path for path in below if path.is_dir()] + [self.group]
        for group in groups:
            eventually(f"{group} is empty", lambda group=group: remove(group))

    def is_up(self):
        if self.nspawn.poll() is not None:
            raise AssertionError("systemd-nspawn ended")
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children")
        found = children.read_text().split()
        if len(found) != 1:
            return False
        self.leader = found[0]
        state = self.run("systemctl is-system-running", check=False).stdout.strip()
        return state in ["running", "degraded"]

    def reboot(self):
        self.run("systemctl reboot", check=False)
        try:
            code = self.nspawn.wait(180)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self.name} has not shut down") from error
        assert code == REBOOTED, f"systemd-nspawn ended with {code}"
        self.stop()
        self.boot()

    def run(self, script, check=True):
        """Runs a script of bash in the checkout, as root."""
        environment = ["env", "-i", "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        shell = ["bash", "-euc", f"cd {CHECKOUT}; {script}"]
        ran = subprocess.run(
            ["nsenter", "--target", self.leader, "--all", *environment, *shell],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if check and ran.returncode:
            raise AssertionError(f"{script}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran

    def write(self, path, text, mode=0o644):
        """Writes a file aside and renames it."""
        aside = self.inside(f"{path}.new")
        aside.write_text(text)
        aside.chmod(mode)
        aside.rename(self.inside(path))

    def inside(self, path):
        """A path of the machine as this process sees it."""
        return pathlib.Path(f"/proc/{self.leader}/root{path}")

    def show(self, unit, name):
        """A property of a unit."""
        return self.run(f"systemctl show --timestamp=unix --value -p {name} {unit}").stdout.strip()

    def journal(self, options):
        """Lines of the journal of this boot, without its own remarks."""
        lines = self.run(f"journalctl --quiet --no-pager -b {options}").stdout.splitlines()
        return [line for line in lines if not line.startswith("-- ")]
