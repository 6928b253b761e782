"""What tests/real/kubernetes checks of running pods, with a stand-in for Cognito Sync.

The checks of World build on each other. Each returns a remark for the report, or raises
AssertionError.
"""

import base64
import os
import re
import shutil
import subprocess
import textwrap

import irsa
import manifests
import yaml
from boot_checks import PORT
from kubelet import WORK, Pod, ask
from machine import ROOT, eventually
from stand_in import IDENTITY, POOL, CognitoSync
from stand_in import PORT as STAND_IN

HERE = f"http://127.0.0.1:{PORT}"
KEY = "AKIDOFSECRET"
CREDENTIALS = f"[default]\naws_access_key_id={KEY}\naws_secret_access_key=x\n"
# Stands for kubectl where the page's commands are typed: it keeps what would be sent to a server.
KUBECTL = f"""\
#!/bin/sh -eu
case "$1 $2" in
  "apply -k") {manifests.KUBECTL} kustomize "$3" ;;
  create*) {manifests.KUBECTL} "$@" --dry-run=client --output=yaml ;;
  "label namespace" | "rollout status" | "port-forward service/cognitosync-exporter") ;;
  *) echo "the stand-in for kubectl does not know: $*" >&2; exit 1 ;;
esac >>"$APPLIED"
echo --- >>"$APPLIED"
"""


def configuration(identities):
    listed = ", ".join(f"'{IDENTITY}{number}'" for number in range(identities))
    return (
        "poll: {interval: 1s, stale_after: 1h, timeout: 3s, attempts: 1, rate_limit: 20}\n"
        f"pools: [{{id: '{POOL}0', name: production, "
        f"endpoint_url: http://127.0.0.1:{STAND_IN}, identities: [{listed}]}}]\n"
    )


def metrics():
    code, body = ask(f"{HERE}/metrics")
    assert code == 200, code
    return body


def sample(name, *labels):
    """The value of the sample of a family that has these labels, or None."""
    for line in metrics().splitlines():
        if re.match(rf"{name}[{{ ]", line) and all(label in line for label in labels):
            return float(line.rsplit(" ", 1)[1])
    return None


def ends_with_0(pod):
    code = pod.stop()
    assert code == 0, f"it ended with {code}: {pod.logs()}"


class Page:
    """The commands of docs/kubernetes.md, typed in a checkout."""

    def __init__(self):
        self.checkout, self.applied = WORK / "checkout", WORK / "applied.yaml"
        for tree in ["deploy", "dashboards"]:
            shutil.copytree(ROOT / tree, self.checkout / tree)
        shutil.copy(ROOT / "config.example.yaml", self.checkout)
        keys = self.checkout / "home/.aws/credentials"
        keys.parent.mkdir(parents=True)
        keys.write_text(CREDENTIALS)
        kubectl = self.checkout / "bin/kubectl"
        kubectl.parent.mkdir()
        kubectl.write_text(KUBECTL)
        kubectl.chmod(0o755)
        self.environment = os.environ | {
            "HOME": str(self.checkout / "home"),
            "APPLIED": str(self.applied),
            "PATH": f"{kubectl.parent}:{os.environ['PATH']}",
        }
        page = (ROOT / "docs/kubernetes.md").read_text()
        blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.S | re.M)
        self.overlay, self.apply, self.forward, self.number = blocks

    def example(self, heading):
        """The first block of YAML below a heading, or the beginning of a line in bold."""
        page = (ROOT / "docs/kubernetes.md").read_text().split(f"\n{heading}")[1]
        indent, block = re.search(r"^( *)```yaml\n(.*?)^ *```$", page, re.S | re.M).groups()
        return textwrap.dedent(block) if indent else block

    def type(self, block):
        command = ["bash", "-eu", "-c", block]
        ran = subprocess.run(
            command, cwd=self.checkout, env=self.environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, f"{block}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def objects(self):
        """What was applied, with the Secrets' data as it is in files."""
        found = [one for one in yaml.safe_load_all(self.applied.read_text()) if one]
        for one in found:
            if one["kind"] == "Secret":
                data = one["data"].items()
                one["data"] = {key: base64.b64decode(value).decode() for key, value in data}
        return found


class World:
    def answer(self):
        """From now on there is a Cognito Sync."""
        self.sync = CognitoSync()

    def answer_no_more(self):
        self.sync.stop()

    def commands_of_the_page(self):
        """What they apply is valid, and starts, also without the Secret."""
        self.page = Page()
        self.page.type(self.page.overlay)
        (self.page.checkout / "mine/config.yaml").write_text(configuration(1))
        self.page.type(self.page.apply)
        objects = self.page.objects()
        validator = manifests.Validator()
        for one in objects:
            problem = validator.problem(one)
            assert not problem, f"{manifests.name(one)}: {problem}"
        self.secret = manifests.only(objects, "Secret", "cognitosync-exporter-aws")["data"]
        objects = [one for one in objects if one["kind"] != "Secret"]
        self.pod = Pod(objects, WORK / "pods/page")
        self.pod.start()
        self.pod.succeeds("startupProbe")
        self.pod.succeeds("livenessProbe")
        return f"{len(objects)} objects, started, alive"

    def examples_of_the_page(self):
        """The scrape configuration is one, and the patch adds its flag."""
        scrape = WORK / "prometheus.yaml"
        scrape.write_text(self.page.example("**Without the operator**"))
        checked = subprocess.run(["promtool", "check", "config", scrape], capture_output=True)
        assert checked.returncode == 0, checked
        kustomization = self.page.checkout / "mine/kustomization.yaml"
        with kustomization.open("a") as file:
            file.write(self.page.example("- **Flags:**"))
        args = manifests.pod(manifests.render(kustomization.parent))["containers"][0]["args"]
        assert args[-1] == "--log.format=json", args
        assert args[:-1] == self.pod.container["args"]
        return args[-1]

    def scraped_while_not_ready(self):
        """Without credentials it is not ready, and its metrics say why."""
        eventually(
            "credentials were asked for in vain",
            lambda: sample("cognitosync_exporter_api_credentials_good") == 0,
        )
        assert not self.pod.probe("readinessProbe")
        return "no credentials"

    def a_secret_that_appears(self):
        """Its keys sign calls without a restart, and the pod is ready."""
        self.answer()
        self.pod.apply("Secret", "cognitosync-exporter-aws", self.secret)
        self.pod.succeeds("readinessProbe")
        assert self.sync.keys == {KEY}, self.sync.keys
        return "ready"

    def the_number(self):
        """The page's last commands print it."""
        self.page.type(self.page.forward)

        def printed():
            return re.search(r'.*state="fresh".* 1$', self.page.type(self.page.number), re.M)

        found = eventually("the number of the page", printed)[0]
        # What Prometheus adds to the targets of a ServiceMonitor is nothing that it has already.
        names = set(re.findall(r'[{,](\w+)="', metrics()))
        added = {"container", "endpoint", "instance", "job", "namespace", "pod", "service"}
        assert names and not names & added, names & added
        return found

    def confined(self):
        """As the security context says."""
        status = self.pod.status()
        expected = [r"Uid:\t65534\t", r"Gid:\t65534\t", r"CapEff:\t0+\n", r"CapBnd:\t0+\n"]
        for one in [*expected, r"NoNewPrivs:\t1", r"Seccomp:\t2"]:
            assert re.search(one, status), f"{one}: {status}"
        mounts = self.pod.mounts()
        for path, mode in [
            ("/", "ro"),
            ("/etc/cognitosync_exporter", "ro"),
            ("/home/exporter/.aws", "ro"),
            ("/var/lib/cognitosync_exporter", "rw"),
        ]:
            assert mode in mounts[path], f"{path}: {mounts[path]}"
        state = self.pod.volumes["state"].path / "state"
        assert state.stat().st_mode & 0o777 == 0o700, oct(state.stat().st_mode)
        lines = [line for line in self.pod.logs().splitlines() if "level=warn" in line]
        # That there were no credentials was one.
        told = [line for line in lines if "credentials" not in line]
        assert lines and not told, lines
        return "uid 65534, no capability, seccomp, read-only, no warning"

    def a_changed_config_map(self):
        """Is followed without a restart."""
        before = sample("process_start_time_seconds")
        config = {"config.yaml": configuration(2)}
        self.pod.apply("ConfigMap", "cognitosync-exporter", config)
        fresh = "cognitosync_pool_identities", 'state="fresh"'
        eventually("two identities are known", lambda: sample(*fresh) == 2)
        assert sample("process_start_time_seconds") == before
        return "two identities in place of one"

    def keys_of_the_environment(self):
        """The other Secret is read at the start."""
        ends_with_0(self.pod)
        keys = {"AWS_ACCESS_KEY_ID": "AKIDOFENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "x"}
        self.pod.apply("Secret", "cognitosync-exporter-env", keys)
        self.pod.start()
        eventually("its key signs", lambda: keys["AWS_ACCESS_KEY_ID"] in self.sync.keys)
        return "sign calls"

    def sigterm(self):
        ends_with_0(self.pod)
        return "ends with 0"

    def the_state_outlives_the_pod(self):
        """The next one is ready, though no call is answered."""
        self.answer_no_more()
        self.pod.start()
        self.pod.succeeds("startupProbe")
        self.pod.succeeds("readinessProbe")
        assert sample("cognitosync_pool_watched_identities") == 2
        ends_with_0(self.pod)
        return "two identities"

    def a_role_of_the_service_account(self):
        """With what EKS adds to the pod of examples/irsa, the role's keys sign calls."""
        objects = manifests.render(manifests.DEPLOY / "examples/irsa")
        role = irsa.webhook(objects, irsa.stand_in())
        pod = Pod(objects, WORK / "pods/irsa")
        pod.apply("ConfigMap", "cognitosync-exporter", {"config.yaml": configuration(1)})
        self.answer()
        pod.start()
        pod.succeeds("readinessProbe")
        assert irsa.KEY in self.sync.keys, self.sync.keys
        assert irsa.Sts.roles == {role}, irsa.Sts.roles
        ends_with_0(pod)
        return role

    def why_on_root_mismatch(self):
        """By the default, the group could write to the state, which the exporter refuses."""
        self.pod.context["fsGroupChangePolicy"] = "Always"
        self.pod.start()
        eventually("it ends", lambda: self.pod.exit_code() is not None)
        assert self.pod.exit_code() != 0
        assert "can be written by others" in self.pod.logs(), self.pod.logs()
        return f"without it: {self.pod.exit_code()}"

    def tls_and_a_login(self):
        """Probes by HTTPS without a login; metrics with one only."""
        folder = manifests.DEPLOY / "examples/web"
        objects = manifests.render(folder)
        monitor = manifests.only(objects, "ServiceMonitor")["spec"]["endpoints"][0]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        made += ["-keyout", WORK / "web.key", "-out", WORK / "web.crt", "-subj", "/CN=exporter"]
        names = f"DNS:{monitor['tlsConfig']['serverName']},IP:127.0.0.1"
        made += ["-addext", f"subjectAltName={names}"]
        subprocess.run(made, check=True, capture_output=True)
        files = {file: (WORK / file).read_text() for file in ["web.crt", "web.key"]}
        files["web.yaml"] = (folder / "web.yaml").read_text()
        web = {"kind": "Secret", "metadata": {"name": "cognitosync-exporter-web"}, "data": files}
        pod = Pod([*objects, web], WORK / "pods/web")
        pod.start()
        pod.succeeds("startupProbe")
        pod.succeeds("livenessProbe")
        address, trust = f"https://127.0.0.1:{PORT}/metrics", WORK / "web.crt"
        login = "Basic " + base64.b64encode(b"prometheus:example").decode()
        assert ask(address, trust=trust)[0] == 401
        code, body = ask(address, login, trust)
        assert code == 200 and "cognitosync_pool_info" in body, code
        ends_with_0(pod)
        return "200 with it, 401 without"

    def examples(self):
        """Each as it is: alive, with its own pools."""
        names = []
        for folder in ["irsa", "kube-prometheus-stack", "several"]:
            objects = manifests.render(manifests.DEPLOY / "examples" / folder)
            for one in objects:
                if one["kind"] == "StatefulSet":
                    names.append(one["metadata"]["name"])
                    self.example(Pod(objects, WORK / f"pods/{len(names)}", names[-1]))
        assert len(names) == 4, names
        return f"{len(names)} pods"

    def example(self, pod):
        pod.start()
        pod.succeeds("startupProbe")
        pod.succeeds("livenessProbe")
        [config] = [one["configMap"] for one in pod.sources.values() if "configMap" in one]
        config = yaml.safe_load(pod.content(("ConfigMap", config))["config.yaml"])
        wanted = {pool["id"] for pool in config["pools"]}
        shown = r'^cognitosync_pool_info{identity_pool_id="([^"]+)"'
        assert set(re.findall(shown, metrics(), re.M)) == wanted
        ends_with_0(pod)


world = World()
CHECKS = [
    world.commands_of_the_page,
    world.examples_of_the_page,
    world.scraped_while_not_ready,
    world.a_secret_that_appears,
    world.the_number,
    world.confined,
    world.a_changed_config_map,
    world.keys_of_the_environment,
    world.sigterm,
    world.the_state_outlives_the_pod,
    world.why_on_root_mismatch,
    world.a_role_of_the_service_account,
    world.tls_and_a_login,
    world.examples,
]
