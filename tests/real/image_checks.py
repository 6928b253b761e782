"""What tests/real/image checks of the image, by the commands of docs/image.md as they stand there.

Each check returns a remark for the report, or raises AssertionError.
"""

import contextlib
import gzip
import http.client
import json
import os
import pathlib
import re
import select
import signal
import ssl
import subprocess
import tarfile
import time
import urllib.error
import urllib.request

import boot_checks
from container import CHECKOUT, HOME, RUN, configure, log, page, podman, run, show
from machine import ROOT, VERSION, eventually
from stand_in import IDENTITY, POOL, PORT, CognitoSync, NameServer

IMAGE = f"cognitosync-exporter:{VERSION}"
# The name by docs/image.md.
NAME = "cognitosync_exporter"
MOST_BYTES = 20_000_000
KEY = "AKIDOFTHEFILE"
# One name is in /etc/hosts, only the name server knows the other.
LISTED, ASKED = "listed.test", "asked.test"
PROGRAM = "/usr/bin/cognitosync_exporter"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
CONFIGURATION = "--config.file=/etc/cognitosync_exporter/config.yaml"


def configuration(identities):
    """Two pools of so many identities, whose endpoint has another name each."""
    listed = ", ".join(f"'{IDENTITY}{number}'" for number in range(identities))
    pools = [
        f"{{id: '{POOL}{number}', endpoint_url: 'https://{host}:{PORT}', identities: [{listed}]}}"
        for number, host in enumerate([LISTED, ASKED])
    ]
    return (
        "poll: {interval: 3s, timeout: 3s, attempts: 1, rate_limit: 20}\n"
        f"pools: [{', '.join(pools)}]\n"
    )


def ask(path):
    """The body of an answer, or None where there is none, or none that is 200."""
    with contextlib.suppress(OSError, urllib.error.HTTPError):
        with urllib.request.urlopen(f"http://127.0.0.1:10520{path}", timeout=60) as response:
            return response.read().decode()


def samples():
    """A scrape, by the names of the samples with their labels; empty where there is none."""
    return boot_checks.samples(ask("/metrics") or "")


def has_usage(identities):
    def probe():
        # An identity whose last poll failed has no such sample, unless it was known before.
        return sum("cognitosync_identity_datasets{" in name for name in samples()) == identities

    eventually(f"usage of {identities} identities", probe)


def tree():
    """The image's files. It stays mounted."""
    return pathlib.Path(podman("image", "mount", IMAGE))


class Authority:
    """A certificate authority that nobody trusts yet, and its certificate for the stand-in."""

    def __init__(self):
        at = RUN / "authority"
        at.mkdir()
        new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split()
        own = [*new, "-keyout", at / "ca.key", "-out", at / "ca.pem", "-subj", "/CN=authority"]
        run(own)
        names = f"subjectAltName=DNS:{LISTED},DNS:{ASKED}"
        leaf = [*new, "-keyout", at / "key.pem", "-out", at / "chain.pem", "-subj", "/CN=stand-in"]
        by = ["-CA", at / "ca.pem", "-CAkey", at / "ca.key", "-addext", names]
        run([*leaf, *by, "-addext", "basicConstraints=CA:FALSE"])
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(at / "chain.pem", at / "key.pem")
        # What a container sees in place of the image's, in which nothing but this one is new.
        self.bundle = at / "bundle.pem"
        self.bundle.write_text((tree() / CERTIFICATES).read_text() + (at / "ca.pem").read_text())


class World:
    """What is around the containers."""

    def __init__(self):
        load, self.demo = page("See it work")[0][2].splitlines()
        self.load = run(["bash", "-euc", load])
        self.authority = Authority()
        self.sync = CognitoSync(tls=self.authority.context)
        self.names = NameServer()
        (RUN / "hosts").write_text(f"127.0.0.1 localhost {LISTED}\n")
        self.settings = f'base_hosts_file = "{RUN}/hosts"\ndns_servers = ["127.0.0.1"]\n'
        (HOME / ".aws").mkdir()
        keys = f"aws_access_key_id = {KEY}\naws_secret_access_key = x\n"
        (HOME / ".aws/credentials").write_text(f"[default]\n{keys}")
        for command in page("Configure it"):
            if "mkdir" in command[2]:
                run(command)
        self.configure(2)

    def configure(self, identities):
        aside = CHECKOUT / "exporter/config.new"
        aside.write_text(configuration(identities))
        aside.rename(CHECKOUT / "exporter/config.yaml")

    def trusts(self, authority, runtime="/usr/bin/crun"):
        """Whether containers trust the authority by the image's own path from now on."""
        mount = f'volumes = ["{self.authority.bundle}:/{CERTIFICATES}:ro"]\n'
        configure(self.settings + (mount if authority else ""), runtime)


def metadata(world):
    image = json.loads(podman("image", "inspect", IMAGE))[0]
    bound = f"{image['Size']:,} bytes, at most {MOST_BYTES:,}"
    assert image["Size"] <= MOST_BYTES, bound
    config, labels = image["Config"], image["Config"]["Labels"]
    assert config["User"] == "65534:65534", config
    assert config["Entrypoint"] == [PROGRAM] and config["Cmd"] == [CONFIGURATION], config
    assert config["ExposedPorts"] == {"10520/tcp": {}} and "Healthcheck" not in config, config
    assert labels["org.opencontainers.image.version"] == VERSION, labels
    git = ["git", "-C", ROOT]
    revision = run([*git, "rev-parse", "HEAD"]).stdout.strip()
    if run([*git, "--no-optional-locks", "status", "--porcelain", "--untracked-files=no"]).stdout:
        revision += "-dirty"
    assert labels["org.opencontainers.image.revision"] == revision, labels
    return bound


def for_docker(world):
    """docker reads manifest.json, podman and containerd the index: both have to name the same
    image. containerd takes names as they stand, and docker asks it for a full one."""
    with tarfile.open(
        ROOT / f"target/packages/cognitosync-exporter-{VERSION}-image.tar"
    ) as archive:
        names = archive.getnames()
        [entry] = json.load(archive.extractfile("./manifest.json"))
        [indexed] = json.load(archive.extractfile("./index.json"))["manifests"]
    assert indexed["annotations"] == {
        "io.containerd.image.name": f"docker.io/library/{IMAGE}",
        "org.opencontainers.image.ref.name": IMAGE,
    }, indexed
    image = json.loads(podman("image", "inspect", IMAGE))[0]
    assert entry["Config"] == f"blobs/sha256/{image['Id']}" and entry["RepoTags"] == [IMAGE], entry
    assert {f"./{path}" for path in [entry["Config"], *entry["Layers"]]} <= set(names), names
    assert len(entry["Layers"]) == len(image["RootFS"]["Layers"]), entry
    return "the same image"


def contents(world):
    root = tree()
    loaded = run(["ldd", ROOT / "target/release/cognitosync_exporter"]).stdout
    libraries = re.findall(r"/\S+", loaded)
    assert libraries, loaded
    for library in libraries:
        assert (root / library.lstrip("/")).is_file(), f"{library} is not in the image"
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        assert not mode & 0o6000, f"{path} is set-id"
        assert path.is_symlink() or not mode & 0o2 or path.name == "tmp", f"{path} is writable"
    packaged = run(["dpkg-query", "--listfiles", "ca-certificates"]).stdout
    packaged = len(re.findall(r"mozilla/.*\.crt$", packaged, re.M))
    found = (root / CERTIFICATES).read_text().count("BEGIN CERTIFICATE")
    assert packaged == found, f"{found} certificates in place of {packaged}"
    own = root / "usr/share/doc/cognitosync-exporter"
    crates = json.loads(gzip.decompress((own / "sbom.json.gz").read_bytes()))
    assert len(crates["components"]) > 100
    return (
        f"{len(libraries)} libraries, {found} certificates, {licences(root)} licences that the "
        "packages name, nothing that anybody may write to"
    )


def licences(root):
    """How many common licences the packages of the image name. All have their text there."""
    documents = root / "usr/share/doc"
    packages = {path.name for path in (root / "var/lib/dpkg/status.d").iterdir()}
    assert packages == {"ca-certificates", "libc6", "libgcc-s1"}, packages
    named = set()
    for package in packages:
        text = gzip.decompress((documents / package / "copyright.gz").read_bytes()).decode()
        named |= set(re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", text))
    there = root / "usr/share/common-licenses"
    assert named == {path.name.removesuffix(".gz") for path in there.iterdir()}, named
    for name in named:
        assert len(gzip.decompress((there / f"{name}.gz").read_bytes())) > 1000, name
    crates = gzip.decompress((documents / "cognitosync-exporter/licences.txt.gz").read_bytes())
    assert b"\ntokio " in crates and (documents / "cognitosync-exporter/LICENSE").is_file()
    return len(named)


def demo(world):
    process = subprocess.Popen(
        ["bash", "-euc", f"exec {world.demo}"], cwd=CHECKOUT, stderr=subprocess.DEVNULL
    )
    eventually("the demo is ready", lambda: ask("/-/ready"))
    eventually("identities", lambda: any("cognitosync_identity_up{" in name for name in samples()))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, "Ctrl-C does not end the demo with 0"
    # As docker does it, without a writable folder but the one that it is given.
    options = ["--rm", "--detach", "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp"]
    container = podman("run", *options, IMAGE, "demo")
    eventually("the demo is ready on a read-only root", lambda: ask("/-/ready"))
    podman("stop", container)
    return "ready, and ended by Ctrl-C; on a read-only root too"


def without_configuration(world):
    ran = run(["podman", "run", "--rm", IMAGE], check=False)
    assert ran.returncode == 78, ran
    assert "/etc/cognitosync_exporter/config.yaml" in ran.stderr, ran.stderr
    return f"exit code 78: {ran.stderr.strip()}"


def check_of_configuration(world):
    command = page("Configure it")[1]
    run(command)
    (CHECKOUT / "exporter/config.yaml").write_text("nonsense: true\n")
    ran = run(command, check=False)
    assert ran.returncode == 78 and "nonsense" in ran.stderr, ran
    world.configure(2)
    return "a good one 0, a wrong one 78"


def untrusted(world):
    """The image's certificates are read, and the stand-in's authority is not among them."""
    world.trusts(False)
    run(page("Run it")[0])
    reason = 'cognitosync_exporter_poll_failures_total{reason="unreachable"}'
    eventually("refused polls", lambda: samples().get(reason))
    assert not world.sync.keys, "a call was sent to who is not trusted"
    # The third call in a row brings the warning.
    eventually("its cause", lambda: "certificate" in log(NAME))
    assert "no native root CA" not in log(NAME), log(NAME)
    podman("rm", "--force", NAME)
    return "a stand-in by an unknown authority gets no call"


def first_number(world):
    world.trusts(True)
    run(page("Run it")[0])
    has_usage(4)
    run(page("Run it")[1])
    assert world.sync.keys == {KEY}, world.sync.keys
    assert world.sync.hosts == {LISTED, ASKED}, world.sync.hosts
    assert ASKED in world.names.asked and LISTED not in world.names.asked, world.names.asked
    warnings = [line for line in log(NAME).splitlines() if "level=warn" in line]
    # Without --web.config.file, that it has no login is one.
    warnings = [line for line in warnings if "--web.config.file" not in line]
    assert not warnings, warnings
    return "over TLS, by /etc/hosts and DNS, signed by the mounted key"


def confined(world):
    status = pathlib.Path(f"/proc/{show(NAME, 'State.Pid')}/status").read_text()
    expected = [r"Uid:(\t65534){4}", r"Gid:(\t65534){4}", r"CapEff:\t0+\n", r"CapBnd:\t0+\n"]
    for line in [*expected, r"NoNewPrivs:\t1", r"Seccomp:\t2", r"NSpid:.*\t1\n"]:
        assert re.search(line, status), f"{line} is not in\n{status}"
    mounts = pathlib.Path(f"/proc/{show(NAME, 'State.Pid')}/mounts").read_text()
    assert re.search(r"^overlay / overlay ro,", mounts, re.M), mounts
    return "process 1, user 65534, no capabilities, no new privileges, seccomp, read-only"


def reload(world):
    loaded = "cognitosync_exporter_config_last_reload_success_timestamp_seconds"
    before = samples()[loaded]
    # Nothing has changed, so it is the signal alone that makes the exporter read the file again.
    check_and_hang_up = page("Change it")[0]
    run(check_and_hang_up)
    eventually("the file is read again", lambda: samples()[loaded] > before)
    world.configure(3)
    run(check_and_hang_up)
    has_usage(6)
    (CHECKOUT / "exporter/config.yaml").write_text("nonsense: true\n")
    refused = run(check_and_hang_up, check=False)
    assert refused.returncode == 78 and "nonsense" in refused.stderr, refused
    world.configure(3)
    assert show(NAME, "RestartCount") == "0"
    return "by SIGHUP; a wrong file is found before"


def stop(world):
    stop, remove = page("Change it")[1][2].splitlines()
    began = time.monotonic()
    run(["bash", "-euc", stop])
    took = time.monotonic() - began
    assert show(NAME, "State.ExitCode") == "0", log(NAME)
    assert "stopping why=SIGTERM" in log(NAME), log(NAME)
    run(["bash", "-euc", remove])
    return f"exit code 0 on SIGTERM, after {took:.2f} s with all that podman does"


def state(world):
    run(page("Run it")[0])
    eventually("it answers", lambda: ask("/-/healthy"))
    restored = samples()["cognitosync_exporter_state_restored_identities"]
    assert restored == 6, f"{restored} identities are restored"
    podman("restart", NAME)
    eventually("it answers", lambda: ask("/-/healthy"))
    assert samples()["cognitosync_exporter_state_restored_identities"] == 6
    podman("rm", "--force", NAME)
    return "on a volume, known again in a new container and after a restart"


def killed(world):
    run(page("Run it")[0])
    eventually("it answers", lambda: ask("/-/healthy"))
    pid = show(NAME, "State.Pid")
    os.kill(int(pid), signal.SIGKILL)
    eventually("it runs again", lambda: show(NAME, "State.Pid") not in ["0", pid])
    eventually("it answers again", lambda: ask("/-/healthy"))
    # What podman-restart.service starts after a reboot.
    after_reboot = podman("ps", "--filter", "restart-policy=always", "--format", "{{.Names}}")
    assert after_reboot == NAME, after_reboot
    podman("stop", NAME)
    podman("start", "--all", "--filter", "restart-policy=always")
    eventually("it answers after a reboot", lambda: ask("/-/healthy"))
    podman("rm", "--force", NAME)
    return "starts again, and with podman-restart.service after a reboot"


def signal_to_exit(world):
    # In place of podman's stop, so podman would start it again.
    [*bash, command] = page("Run it")[0]
    assert command.count("--restart always") == 1, command
    run([*bash, command.replace("--restart always", "--restart no")])
    eventually("it is ready", lambda: ask("/-/ready"))
    # As Prometheus, which keeps its connection.
    client = http.client.HTTPConnection("127.0.0.1", 10520, timeout=60)
    client.request("GET", "/metrics")
    assert client.getresponse().read()
    pid = int(show(NAME, "State.Pid"))
    process = os.pidfd_open(pid)
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    ended = select.select([process], [], [], 60)[0]
    took = time.monotonic() - began
    assert ended and podman("wait", NAME) == "0", log(NAME)
    podman("rm", NAME)
    return f"{took * 1000:.0f} ms, with a scraper's connection open"


CHECKS = [
    metadata,
    for_docker,
    contents,
    demo,
    without_configuration,
    check_of_configuration,
    untrusted,
    first_number,
    confined,
    reload,
    stop,
    state,
    killed,
    signal_to_exit,
]
