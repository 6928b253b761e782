"""What tests/real/rpm checks on a booted machine: the life of the package under a real systemd, by
the commands of docs/rpm.md, with rpm in the place of dnf and zypper.

The checks are stages: each begins with what the one before has left.
"""

import fnmatch
import os
import re
import subprocess

import boot_checks
import documents
import package_checks
from boot_checks import DEFAULTS, ETC, KEYS, SOCKET, UNIT, Clients, is_refused
from machine import CHECKOUT, eventually
from package_checks import NAME, STATE
from stand_in import configuration

PAGE = "docs/rpm.md"
# Fedora's and SUSE's: nothing is enabled because it is installed.
PRESET = "/etc/systemd/system-preset/00-disable.preset"
# SQLite follows /proc/PID/root as if it were a link, so rpm's database comes to be in this
# process's file system. /run is the test's own there.
DATABASE = "/run/rpm"


def blocks(heading):
    """The blocks of commands below a heading of the package's page."""
    return documents.blocks(PAGE, heading)


class Package(package_checks.Packaged):
    """The service on a machine, to be installed by `package` and upgraded by `following`."""

    package = following = None

    def install(self):
        os.mkdir(DATABASE)
        self.run(f"mkdir -p $(dirname {PRESET}); echo 'disable *' >{PRESET}")

    def rpm(self, *arguments):
        """Runs the host's rpm on the machine, which has none. Its scriptlets run in the machine."""
        leader = self.machine.leader
        # Its systemctl would otherwise take the machine's root for that of a chroot.
        command = ["env", "SYSTEMD_IGNORE_CHROOT=1"]
        command += ["nsenter", "--target", leader, "--pid", "--net", "--ipc", "--uts", "--cgroup"]
        command += ["rpm", "--root", f"/proc/{leader}/root", "--dbpath", DATABASE, "--nodeps"]
        ran = subprocess.run([*command, *arguments], capture_output=True, text=True)
        assert ran.returncode == 0 and "scriptlet failed" not in ran.stderr, ran
        return ran.stdout + ran.stderr

    def exists(self, path):
        return self.machine.inside(path).exists()


def states(service):
    """Of the socket and the service, whether they run and whether they are enabled."""
    names = ["ActiveState", "UnitFileState"]
    return [service.show(name, unit) for unit in [SOCKET, UNIT] for name in names]


def install(service):
    for block in blocks("Install"):
        pattern = re.search(r"\./(\S+\.rpm)", block)[1]
        assert fnmatch.fnmatch(service.package.name, pattern), block
    # Those that are typed on a machine with the .deb.
    for heading in ["From an installation from source", "Another port or address"]:
        assert blocks(heading) == [package_checks.commands(heading)], heading
    service.rpm("-i", service.package)
    assert states(service) == ["inactive", "disabled"] * 2, states(service)
    assert is_refused()
    return "disabled, silent"


def first_number(service):
    start, ask = blocks("Configure and start")
    # What checks after this one use besides.
    service.run(f"install -m 600 aws-config web.yaml {ETC}")
    service.run(start)
    return package_checks.asked(service, ask)


def changes(service):
    service.machine.write(f"{CHECKOUT}/config.yaml", configuration(2))
    (block,) = blocks("Change the configuration")
    service.run(block)
    service.has_usage(4)
    service.machine.write(DEFAULTS, 'ARGS="--log.level=debug"\n')
    return "a reload"


def upgrade(service):
    pid, since = service.show("MainPID"), service.show("ActiveEnterTimestamp", SOCKET)
    with Clients(4) as clients:
        eventually("scrapes before", lambda: clients.whole > 20)
        service.rpm("-U", service.following)
        after = clients.whole
        eventually("scrapes after", lambda: clients.whole > after + 20 or clients.failures)
    assert not clients.failures, clients.failures
    assert service.show("MainPID") not in [pid, "0"], "the old program still runs"
    assert service.show("ActiveEnterTimestamp", SOCKET) == since, "the socket was restarted"
    assert service.show("NeedDaemonReload") == "no"
    assert service.samples()["cognitosync_exporter_state_restored_identities"] == 4
    assert service.machine.inside(DEFAULTS).read_text() == 'ARGS="--log.level=debug"\n'
    assert service.exists(f"{DEFAULTS}.rpmnew")
    command = service.machine.inside(f"/proc/{service.show('MainPID')}/cmdline").read_text()
    assert "--log.level=debug" in command, command
    return f"{clients.whole} scrapes, 0 refused, 0 cut off; the socket stays"


def remove(service):
    with Clients(4) as clients:
        eventually("scrapes before", lambda: clients.whole > 20)
        service.rpm("-e", NAME)
        clients.done.set()
    # Who waits when the port is closed is reset, and later ones are refused.
    others = [error for error in clients.failures if not isinstance(error, ConnectionError)]
    assert not others, others
    assert is_refused()
    assert states(service) == ["inactive", ""] * 2, states(service)
    left = service.run("find / -xdev -ipath '*cognitosync*' -not -path '/root/*'").stdout.split()
    left = {path for path in left if not path.startswith("/proc/")}
    kept = {f"{ETC}/{file}" for file in ["config.yaml", "web.yaml", *KEYS]}
    kept |= {ETC, f"{DEFAULTS}.rpmsave", f"{DEFAULTS}.rpmnew"}
    state = {path for path in left if path.startswith((STATE, "/var/lib/cognitosync_exporter"))}
    assert f"{STATE}/state/state.redb" in state, state
    assert left - state == kept, (left - state) ^ kept
    service.run(blocks("Remove")[1])
    assert not service.exists(STATE) and not service.exists("/var/lib/cognitosync_exporter")
    return "stops and disables both; keeps the user's files, and the state until it is removed"


CHECKS = [
    install,
    first_number,
    boot_checks.good_start,
    boot_checks.sandbox,
    boot_checks.credentials,
    changes,
    upgrade,
    remove,
]
