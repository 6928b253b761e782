"""What tests/real/kubernetes checks of running pods, with a stand-in for Cognito Sync.

The checks of World build on each other. Each returns a remark for the report, or raises
AssertionError.
"""

import base64
import re
import shutil
import subprocess

import irsa
import manifests
import node_role
import yaml
from boot_checks import PORT
from container import podman
from kubelet import WORK, Pod, ask
from machine import ROOT, eventually
from page import KEY, Page
from stand_in import IDENTITY, POOL, CognitoSync, serve
from stand_in import PORT as STAND_IN

HERE = f"http://127.0.0.1:{PORT}"


def configuration(identities):
    listed = ", ".join(f"'{IDENTITY}{number}'" for number in range(identities))
    return (
        "poll: {interval: 3s, stale_after: 1h, timeout: 3s, attempts: 1, rate_limit: 20}\n"
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


class World:
    def answer(self):
        """From now on there is a Cognito Sync."""
        self.sync = CognitoSync()

    def answer_no_more(self):
        self.sync.stop()

    def commands_of_the_page(self):
        """What they apply is valid, and starts, also without the Secret."""
        self.page = Page()
        [pushed] = re.findall(r"^podman push (\S+)", self.page.text, re.M)
        podman("image", "exists", pushed)
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
        """The scrape configuration is one, the patch adds its flag, and the Role is valid."""
        scrape = WORK / "prometheus.yaml"
        scrape.write_text(self.page.example("**Without the operator**"))
        checked = subprocess.run(["promtool", "check", "config", scrape], capture_output=True)
        assert checked.returncode == 0, checked
        self.page.type(self.page.selectors + self.page.allowed)
        role, binding = yaml.safe_load_all(self.page.example("Where the answer is `no`"))
        for one in [role, binding]:
            assert not manifests.Validator().problem(one), manifests.Validator().problem(one)
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        account = binding["subjects"][0]
        wanted = f"system:serviceaccount:{account['namespace']}:{account['name']}\n"
        assert self.page.allowed.endswith(f"--as={wanted}"), self.page.allowed
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
            "no credentials are found",
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
        # That it has no login was another.
        told = [line for line in told if "--web.config.file" not in line]
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
        role = irsa.webhook(objects, serve(irsa.Sts))
        pod = Pod(objects, WORK / "pods/irsa")
        pod.apply("ConfigMap", "cognitosync-exporter", {"config.yaml": configuration(1)})
        self.answer()
        pod.start()
        pod.succeeds("readinessProbe")
        assert irsa.KEY in self.sync.keys, self.sync.keys
        assert irsa.Sts.roles == {role}, irsa.Sts.roles
        ends_with_0(pod)
        return role

    def a_user_that_openshift_chooses(self):
        """It reads the Secret by its group, and its own state again."""
        objects = manifests.render(manifests.DEPLOY / "examples/openshift")
        pod = Pod(objects, WORK / "pods/openshift")
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & pod.context.keys(), pod.context
        # What admission sets, from the range of the namespace.
        pod.context |= {"runAsUser": 1000680000, "fsGroup": 1000680000}
        pod.apply("ConfigMap", "cognitosync-exporter", {"config.yaml": configuration(1)})
        pod.apply("Secret", "cognitosync-exporter-aws", self.secret)
        self.sync.keys.clear()
        for _ in ["first", "again"]:
            pod.start()
            pod.succeeds("startupProbe")
            pod.succeeds("readinessProbe")
            assert re.search(r"Uid:\t1000680000\t", pod.status()), pod.status()
            ends_with_0(pod)
        assert self.sync.keys == {KEY}, self.sync.keys
        state = (pod.volumes["state"].path / "state").stat()
        assert (state.st_uid, state.st_mode & 0o777) == (1000680000, 0o700), state
        return "uid 1000680000"

    def the_role_of_the_node(self):
        """Is not asked for; without the variable of the manifest it is."""
        objects = manifests.render(manifests.DEPLOY / "examples/irsa")
        pod = Pod(objects, WORK / "pods/node")
        pod.apply("ConfigMap", "cognitosync-exporter", {"config.yaml": configuration(1)})
        address = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": serve(node_role.Metadata)}
        pod.apply("Secret", "cognitosync-exporter-env", address)
        pod.start()
        none = "cognitosync_exporter_api_credentials_good"
        eventually("no credentials are found", lambda: sample(none) == 0)
        assert not node_role.Metadata.asked, node_role.Metadata.asked
        ends_with_0(pod)
        disabled = "AWS_EC2_METADATA_DISABLED"
        environment = pod.container["env"]
        pod.container["env"] = [one for one in environment if one["name"] != disabled]
        pod.start()
        eventually("the node's role is asked for", lambda: node_role.Metadata.asked)
        ends_with_0(pod)
        return f"not asked for; without {disabled}: {node_role.Metadata.asked[0]}"

    def the_claim_of_the_page(self):
        """The page's commands delete the claim of this exporter, and no other one."""
        self.page.type(self.page.afresh)
        self.page.type(self.page.remove)
        stopped, by_name, started, by_label = self.page.changes()
        exporter = self.pod.stateful_set
        name = exporter["metadata"]["name"]
        assert stopped[:3] == ["scale", f"statefulset/{name}", "--replicas=0"], stopped
        assert started[:3] == ["scale", f"statefulset/{name}", "--replicas=1"], started
        [claim] = exporter["spec"]["volumeClaimTemplates"]
        named = f"persistentvolumeclaim/{claim['metadata']['name']}-{name}-0"
        assert by_name[:2] == ["delete", named], by_name
        [selector] = [one for one in by_label if one.startswith("--selector=")]
        label, value = selector.removeprefix("--selector=").split("=")
        assert claim["metadata"]["labels"][label] == value
        for other in manifests.render(manifests.DEPLOY / "examples/several"):
            if other["kind"] == "StatefulSet":
                [claim] = other["spec"]["volumeClaimTemplates"]
                assert claim["metadata"]["labels"][label] != value
        return named

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
        objects = manifests.filled(manifests.render(folder))
        monitor = manifests.only(objects, "ServiceMonitor")
        namespace, monitor = monitor["metadata"]["namespace"], monitor["spec"]["endpoints"][0]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        here = self.page.checkout / folder.relative_to(ROOT)
        made += ["-keyout", here / "web.key", "-out", here / "web.crt", "-subj", "/CN=exporter"]
        names = f"DNS:{monitor['tlsConfig']['serverName']},IP:127.0.0.1"
        made += ["-addext", f"subjectAltName={names}"]
        subprocess.run(made, check=True, capture_output=True)
        shutil.copy(here / "web.crt", here / "ca.crt")
        self.page.type(self.page.secrets, here)
        secrets = [one for one in self.page.objects() if one["kind"] == "Secret"]
        web = manifests.only(secrets, "Secret", "cognitosync-exporter-web")

        def scrape(reference):
            """What the ServiceMonitor names is there."""
            secret = manifests.only(secrets, "Secret", reference["name"])
            assert secret["metadata"]["namespace"] == namespace, secret["metadata"]
            return secret["data"][reference["key"]]

        assert web["metadata"]["namespace"] == namespace, web["metadata"]
        pod = Pod([*objects, web], WORK / "pods/web")
        pod.start()
        pod.succeeds("startupProbe")
        pod.succeeds("livenessProbe")
        address, trust = f"https://127.0.0.1:{PORT}/metrics", WORK / "ca.crt"
        trust.write_text(scrape(monitor["tlsConfig"]["ca"]["secret"]))
        login = ":".join(scrape(monitor["basicAuth"][one]) for one in ["username", "password"])
        login = "Basic " + base64.b64encode(login.encode()).decode()
        assert ask(address, trust=trust)[0] == 401
        code, body = ask(address, login, trust)
        assert code == 200 and "cognitosync_pool_info" in body, code
        ends_with_0(pod)
        return "200 with it, 401 without"

    def examples(self):
        """Each with ids in place of its placeholders: alive, with its own pools."""
        names = []
        for folder in ["irsa", "kube-prometheus-stack", "several"]:
            objects = manifests.filled(manifests.render(manifests.DEPLOY / "examples" / folder))
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
    world.a_user_that_openshift_chooses,
    world.the_role_of_the_node,
    world.the_claim_of_the_page,
    world.tls_and_a_login,
    world.examples,
]
