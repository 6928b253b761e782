"""What tests/real/boot checks of the Debian package: its life on a booted machine, from installing
to purging, by the commands of docs/debian.md.

The checks are stages: each begins with what the one before has left.
"""

import http.client
import re
import shutil
import socket
import ssl
import subprocess

import boot_checks
import documents
from boot_checks import (
    DEFAULTS,
    ETC,
    KEYS,
    PORT,
    SOCKET,
    UNIT,
    Clients,
    is_refused,
    scrape,
    three_starts,
)
from machine import CHECKOUT, ROOT, TREES, eventually
from stand_in import configuration

NAME = "cognitosync-exporter"
PAGE = "docs/debian.md"
PACKAGES = ROOT / "target/packages"
NEXT = TREES / "next"
STATE = "/var/lib/private/cognitosync_exporter"
# Where a machine writes whatever is installed: kernel, systemd, logs, apt, dpkg, root.
ELSEWHERE = ["/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/var/log", "/var/cache/apt"]
ELSEWHERE += ["/var/cache/debconf", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd/timers"]
ELSEWHERE += ["/etc/apt/apt.conf.d", "/var/backups", "/var/tmp/systemd-private-*-systemd-logind*"]


def commands(heading, number=0):
    """A block of commands below a heading of the package's page."""
    return documents.blocks(PAGE, heading)[number]


def built():
    """The package that packaging/build-deb has made."""
    changelog = (ROOT / "packaging/debian/changelog").read_text()
    version = re.search(r"\((.*?)\)", changelog)[1]
    package = PACKAGES / f"{NAME}_{version}_amd64.deb"
    if not package.exists():
        raise SystemExit(f"boot: {package} is absent; run packaging/build-deb")
    return package


def make_next():
    """Makes a package of the next version: the same program and scripts, other defaults."""
    shutil.rmtree(NEXT, ignore_errors=True)
    tree = NEXT / "tree"
    NEXT.mkdir(parents=True)
    subprocess.run(["dpkg-deb", "--raw-extract", built(), tree], check=True)
    control = tree / "DEBIAN/control"
    lines = control.read_text().splitlines()
    lines = [f"{line}+next" if line.startswith("Version: ") else line for line in lines]
    control.write_text("\n".join(lines) + "\n")
    with (tree / DEFAULTS.lstrip("/")).open("a") as defaults:
        defaults.write("# The next version says this.\n")
    subprocess.run(
        ["dpkg-deb", "--build", "-Znone", tree, NEXT], check=True, stdout=subprocess.DEVNULL
    )
    shutil.rmtree(tree)


class Packaged(boot_checks.Service):
    """The service of a package on a machine."""

    program = "/usr/bin/cognitosync_exporter"

    def mend(self):
        """Nothing: a stage that failed leaves the machine as it is."""


class Package(Packaged):
    """The service on a machine, to be installed by the commands of docs/debian.md."""

    def install(self):
        checkout = self.machine.inside(CHECKOUT)
        shutil.copy(built(), checkout)
        # Operators answer apt's questions.
        self.machine.write("/etc/apt/apt.conf.d/yes", 'APT::Get::Assume-Yes "true";\n')
        self.before = self.files()

    def type(self, heading, number=0, answer=""):
        """Types a block of commands, and whenever one asks, the answer."""
        block = commands(heading, number)
        return self.run(f"yes {answer!r} | bash -euc {shell_word(block)}")

    def files(self):
        """All paths of the machine, besides those that it writes whatever is installed."""
        without = " -o ".join(f"-path '{path}'" for path in ELSEWHERE)
        found = self.run(f"find / \\( {without} \\) -prune -o -print").stdout
        return set(found.splitlines())

    def version(self):
        return self.run(f"dpkg-query --show --showformat='${{Version}}' {NAME}").stdout


def shell_word(text):
    return "'" + text.replace("'", "'\\''") + "'"


def unconfigured(service):
    told = service.type("Install")
    assert "config.yaml" in told.stdout, told
    for moment in ["after installing", "after a boot"]:
        for unit in [UNIT, SOCKET]:
            shown = [service.show(name, unit) for name in ["ActiveState", "Result", "Job"]]
            assert shown == ["inactive", "success", ""], f"{moment}: {unit} {shown}"
            assert service.show("UnitFileState", unit) == "enabled"
        assert not service.starts(0), moment
        assert service.show("ConditionResult") == "no", "systemd has not tried to start it"
        assert is_refused()
        if moment == "after installing":
            service.machine.reboot()
    return "enabled, silent, no start is tried, after a boot neither"


def first_number(service):
    # What checks after this one use besides.
    service.run(f"install -m 600 aws-config web.yaml {ETC}")
    service.type("Configure and start")
    return asked(service, commands("Configure and start", 1))


def asked(service, block):
    """Types the commands that print the first number until they do."""

    def number():
        return subprocess.run(["bash", "-c", block], capture_output=True, text=True).stdout

    found = eventually("the first number", number)
    assert found.splitlines()[0].endswith(" 2"), found
    service.has_usage(2)
    return found.splitlines()[0][:40] + "..."


def contents(service):
    listed = service.run(f"dpkg --listfiles {NAME}").stdout.splitlines()
    named = documents.paths(PAGE, "What there is")
    for path in named:
        service.run(f"test -e {path}")
    broken = service.run(f"dpkg --verify {NAME}").stdout
    # Minimal images leave out documents.
    assert not [line for line in broken.splitlines() if "/usr/share/" not in line], broken
    return f"{len(listed)} paths, {len(named)} of them in the page"


def missing_configuration(service):
    service.run(f"mv {ETC}/config.yaml config.away")
    with Clients(2) as clients:
        three_starts(service)
        before = clients.whole
        service.run(f"mv config.away {ETC}/config.yaml")
        eventually("scrapes are answered again", lambda: clients.whole > before)
        clients.done.set()
    assert not clients.failures, clients.failures
    return "starts 5 s apart, scrapes wait, the file heals it"


def changes(service):
    service.machine.write(f"{CHECKOUT}/config.yaml", configuration(2))
    service.type("Change the configuration")
    service.has_usage(4)
    service.machine.write(DEFAULTS, 'ARGS="--log.level=debug"\n')
    service.run(f"systemctl restart {UNIT}")
    told = service.type("Logs").stdout
    assert "Active: active (running)" in told and "level=debug" in told, told
    return "a reload, a flag, and the log of it"


def upgrade(service):
    checkout = service.machine.inside(CHECKOUT)
    old, pid = service.version(), service.show("MainPID")
    service.run(f"rm {NAME}_*.deb")
    shutil.copy(next(NEXT.glob("*.deb")), checkout)
    with Clients(4) as clients:
        eventually("scrapes before", lambda: clients.whole > 20)
        service.type("Upgrade", answer="N")
        after = clients.whole
        eventually("scrapes after", lambda: clients.whole > after + 20 or clients.failures)
    assert not clients.failures, clients.failures
    assert service.version() == f"{old}+next"
    assert service.show("MainPID") != pid, "the old program still runs"
    assert service.samples()["cognitosync_exporter_state_restored_identities"] == 4
    mine = service.machine.inside(DEFAULTS).read_text()
    assert mine == 'ARGS="--log.level=debug"\n', mine
    assert "The next version" in service.machine.inside(f"{DEFAULTS}.dpkg-dist").read_text()
    command = service.machine.inside(f"/proc/{service.show('MainPID')}/cmdline").read_text()
    assert "--log.level=debug" in command, command
    return f"{clients.whole} scrapes, 0 refused, 0 cut off; the changed file stays"


def tls(service):
    service.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost -keyout web.key -out web.crt"
    )
    [web] = documents.blocks(PAGE, "Flags, TLS, logins", "yaml")
    service.machine.write(f"{CHECKOUT}/web.yaml", web)
    service.type("Flags, TLS, logins")
    certificate = service.machine.inside(f"{CHECKOUT}/web.crt").read_text()
    trusted = ssl.create_default_context(cadata=certificate)
    connection = http.client.HTTPSConnection("localhost", PORT, timeout=90, context=trusted)
    connection.request("GET", "/-/healthy")
    assert connection.getresponse().status == 200
    connection.close()
    service.run(f"rm {ETC}/web.*; systemctl restart {UNIT}")
    return "a scrape over TLS"


def port(service):
    service.run(f"systemctl stop {SOCKET} {UNIT}")
    with socket.create_server(("127.0.0.1", PORT)):
        refused = service.run(f"systemctl start {UNIT}", check=False)
        told = service.run(f"systemctl status --no-pager {SOCKET}", check=False).stdout
        assert refused.returncode and "Address already in use" in told, told
        service.type("Another port or address")
        page = commands("Another port or address")
        other = int(re.search(r"127\.0\.0\.1:(\d+)", page)[1])
        connection = http.client.HTTPConnection("127.0.0.1", other, timeout=90)
        connection.request("GET", "/-/healthy")
        assert connection.getresponse().status == 200
        connection.close()
    assert is_refused(), "the former port is open too"
    service.run(f"rm -r /etc/systemd/system/{SOCKET}.d; systemctl daemon-reload")
    service.run(f"systemctl restart {SOCKET} {UNIT}")
    scrape()
    return f"{PORT} is another's: a drop-in names {other}"


def remove(service):
    service.type("Remove")
    assert is_refused()
    left = service.files() - service.before
    kept = {f"{ETC}/config.yaml", DEFAULTS, f"{STATE}/state/state.redb"}
    assert kept <= left, left
    assert not [path for path in left if path.startswith("/usr")], left
    service.type("Upgrade", answer="N")
    eventually("it is active again", service.active)
    restored = service.samples()["cognitosync_exporter_state_restored_identities"]
    assert restored == 4, restored
    return "keeps files, flags and state; installed again, it goes on with them"


def purge(service):
    with Clients(4) as clients:
        eventually("scrapes before", lambda: clients.whole > 20)
        service.type("Remove", 1)
        clients.done.set()
    # Who waits when the port is closed is reset, and later ones are refused.
    assert clients.refused()
    others = [error for error in clients.failures if not isinstance(error, ConnectionError)]
    assert not others, others
    left = service.files() - service.before
    mine = {f"{ETC}/{file}" for file in ["config.yaml", *KEYS]}
    assert left == {ETC, *mine}, left ^ {ETC, *mine}
    service.run("systemctl daemon-reload")
    known = service.run("systemctl list-units --all --no-legend 'cognitosync*'").stdout
    known += service.run("systemctl list-unit-files --no-legend 'cognitosync*'", False).stdout
    assert not known, known
    return "leaves the user's files and nothing else"


def from_source(service):
    """An installation from source becomes the package's. Then purges a machine that has
    a directory where systemd has a link."""
    service.machine.write(f"{CHECKOUT}/config.yaml", configuration(1))
    service.run("rm -f web.*")
    boot_checks.Service.install(service)
    service.machine.write(DEFAULTS, 'ARGS="--log.level=debug"\n')
    refused = service.run(commands("Install"), check=False)
    assert refused.returncode and "conffile prompt" in refused.stdout, refused
    told = service.run(commands("Install", 1)).stdout
    assert service.machine.inside(DEFAULTS).read_text() == 'ARGS="--log.level=debug"\n'
    heading = re.search('See "(.*)"', told)[1]
    for unit in [UNIT, SOCKET]:
        assert f"/etc/systemd/system/{unit} is used" in told, told

    def program():
        return service.run(f"readlink /proc/{service.show('MainPID')}/exe").stdout.strip()

    assert program() == boot_checks.Service.program
    service.type(heading)
    assert program() == service.program
    for unit in [UNIT, SOCKET]:
        assert service.show("FragmentPath", unit).startswith(("/lib/", "/usr/lib/")), unit
        assert service.show("UnitFileState", unit) == "enabled"
    assert service.samples()["cognitosync_exporter_state_restored_identities"] == 2

    service.type("Remove")
    link = "/var/lib/cognitosync_exporter"
    service.run(f"test -L {link}; rm {link}; mkdir -p {link}/directory")
    service.type("Remove", 1)
    left = {path for path in service.files() - service.before if not path.startswith(ETC)}
    # The commands of docs/systemd.md make the directory.
    assert left == {"/usr/local/share/doc"}, left
    return "warned of the units that hide the package's, then runs those; purged"


CHECKS = [
    unconfigured,
    first_number,
    boot_checks.good_start,
    boot_checks.sandbox,
    boot_checks.credentials,
    contents,
    missing_configuration,
    changes,
    upgrade,
    tls,
    port,
    remove,
    purge,
    from_source,
]
