"""Runs a rendered pod in podman as the kubelet would: command, environment, volumes with their
owners and modes, security context, probes and the end. A key that it does not know is an error, so
that none of the manifest is left out in silence."""

import datetime
import json
import os
import pathlib
import shutil
import ssl
import urllib.error
import urllib.request

import container
import manifests
from container import podman
from machine import ROOT, VERSION, eventually

# What is translated, and what has no meaning where there is no cluster.
POD = {"containers", "volumes", "securityContext", "terminationGracePeriodSeconds"}
POD_OF_CLUSTER = {"serviceAccountName", "automountServiceAccountToken", "enableServiceLinks"}
POD_OF_CLUSTER |= {"nodeSelector"}
CONTAINER = {"name", "image", "command", "args", "env", "envFrom", "ports", "volumeMounts"}
CONTAINER |= {"securityContext", "startupProbe", "livenessProbe", "readinessProbe"}
# Limits need control groups, which podman is not given here; the image's own test has them.
CONTAINER_OF_CLUSTER = {"resources"}
CONTEXT = {"runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy"}
CONTEXT |= {"seccompProfile", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities"}
PROBE = {"httpGet", "periodSeconds", "failureThreshold", "timeoutSeconds"}
# What the kubelet gives a volume's group, by whether the volume is written to.
GROUP_READS, GROUP_WRITES = (0o440, 0o550 | 0o2000), (0o660, 0o770 | 0o2000)
# Folders of the pods, in memory.
WORK = container.RUN / "kubernetes"


def known(found, *keys):
    unknown = set(found) - set().union(*keys)
    assert not unknown, f"the stand-in for the kubelet does not know {unknown}"


def give(path, group, bits):
    """Gives a file or a folder to a group, with more rights."""
    os.chown(path, -1, group)
    os.chmod(path, path.stat().st_mode | bits)


class Volume:
    """A folder of the host that is mounted into the container."""

    def __init__(self, path, context, writable=False):
        self.path, self.context, self.writable = path, context, writable
        self.version = 0
        path.mkdir(exist_ok=True)

    def set_group(self):
        """As kubelet's SetVolumeOwnership does, before each start."""
        group = self.context.get("fsGroup")
        if group is None:
            return
        files, folders = GROUP_WRITES if self.writable else GROUP_READS
        root = self.path.stat()
        if self.writable and self.context.get("fsGroupChangePolicy") == "OnRootMismatch":
            if root.st_gid == group and root.st_mode & folders == folders:
                return
        for path in [self.path, *self.path.rglob("*")]:
            if not path.is_symlink():
                give(path, group, folders if path.is_dir() else files)

    def project(self, files, mode):
        """Writes files as the kubelet writes a ConfigMap or a Secret: into a folder beside, to
        which the link `..data` is then turned."""
        self.version += 1
        stamp = datetime.datetime.now(datetime.UTC).strftime("..%Y_%m_%d_%H_%M_%S")
        folder = self.path / f"{stamp}.{self.version}"
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text)
            (folder / file).chmod(mode)
        self.set_group()
        aside, data = self.path / "..data_tmp", self.path / "..data"
        before = data.resolve() if data.exists() else None
        aside.symlink_to(folder.name)
        aside.rename(data)
        for file in files:
            if not (self.path / file).is_symlink():
                (self.path / file).symlink_to(f"..data/{file}")
        for link in self.path.iterdir():
            if link.is_symlink() and not link.exists():
                link.unlink()
        if before:
            shutil.rmtree(before)


class Pod:
    """The pod of a rendered StatefulSet, in a folder of its own. Its network is the caller's."""

    def __init__(self, objects, folder, called=None):
        self.stateful_set = manifests.only(objects, "StatefulSet", called)
        self.spec = self.stateful_set["spec"]["template"]["spec"]
        known(self.spec, POD, POD_OF_CLUSTER)
        [self.container] = self.spec["containers"]
        known(self.container, CONTAINER, CONTAINER_OF_CLUSTER)
        self.context = self.spec["securityContext"] | self.container["securityContext"]
        known(self.context, CONTEXT)
        self.objects, self.id = {manifests.name(one): one for one in objects}, None
        self.sources = {one["name"]: one for one in self.spec["volumes"]}
        for claim in self.stateful_set["spec"].get("volumeClaimTemplates", []):
            self.sources[claim["metadata"]["name"]] = {"persistentVolumeClaim": claim}
        folder.mkdir(parents=True)
        self.volumes = {}
        for name, source in self.sources.items():
            writable = "persistentVolumeClaim" in source
            self.volumes[name] = Volume(folder / name, self.context, writable)

    def content(self, reference, key="name"):
        """The data of a ConfigMap or a Secret; none of an optional one that does not exist."""
        kind, described = reference
        known(described, {key, "optional", "defaultMode"})
        found = self.objects.get(f"{kind} {described[key]}")
        assert found or described.get("optional"), f"there is no {kind} {described[key]}"
        return (found or {}).get("data", {})

    def project(self):
        """Brings the volumes of ConfigMaps and Secrets up to date."""
        for name, source in self.sources.items():
            if "configMap" in source:
                reference, key = ("ConfigMap", source["configMap"]), "name"
            elif "secret" in source:
                reference, key = ("Secret", source["secret"]), "secretName"
            else:
                known(source, {"persistentVolumeClaim"})
                continue
            mode = reference[1].get("defaultMode", 0o644)
            self.volumes[name].project(self.content(reference, key), mode)

    def apply(self, kind, name, data):
        """What `kubectl apply` of a ConfigMap or a Secret leads to."""
        self.objects[f"{kind} {name}"] = {"data": data}
        self.project()

    def environment(self):
        found = {}
        for one in self.container.get("envFrom", []):
            known(one, {"secretRef"})
            found |= self.content(("Secret", one["secretRef"]))
        for one in self.container.get("env", []):
            known(one, {"name", "value"})
            found[one["name"]] = one["value"]
        return found

    def options(self):
        context = self.context
        user = context["runAsUser"]
        assert context["runAsNonRoot"] and user, "the kubelet would not run it as root"
        # A user that the image does not know has root's group, unless there is another one.
        group = context.get("runAsGroup", 0)
        yield from [f"--user={user}:{group}", f"--group-add={context['fsGroup']}"]
        yield from [f"--cap-drop={one}" for one in context["capabilities"]["drop"]]
        if not context["allowPrivilegeEscalation"]:
            yield "--security-opt=no-new-privileges"
        if context["seccompProfile"]["type"] != "RuntimeDefault":
            yield "--security-opt=seccomp=unconfined"
        # The kubelet mounts nothing over /tmp and /run.
        if context["readOnlyRootFilesystem"]:
            yield from ["--read-only", "--read-only-tmpfs=false"]
        for name, value in self.environment().items():
            yield f"--env={name}={value}"
        for mount in self.container["volumeMounts"]:
            known(mount, {"name", "mountPath", "readOnly"})
            only_read = ":ro" if mount.get("readOnly") else ""
            yield f"--volume={self.volumes[mount['name']].path}:{mount['mountPath']}{only_read}"
        if command := self.container.get("command"):
            yield f"--entrypoint={json.dumps(command)}"

    def start(self):
        self.project()
        for volume in self.volumes.values():
            if volume.writable:
                volume.set_group()
        run = ["run", "--detach", "--pull=never", *self.options(), self.container["image"]]
        self.id = podman(*run, *self.container["args"])

    def logs(self):
        return container.log(self.id)

    def process(self, file):
        """What the kernel says of its process."""
        pid = container.show(self.id, "State.Pid")
        return pathlib.Path(f"/proc/{pid}/{file}").read_text()

    def status(self):
        return self.process("status")

    def mounts(self):
        """The options of each mount, by its path."""
        lines = [line.split() for line in self.process("mountinfo").splitlines()]
        return {line[4]: line[5].split(",") for line in lines}

    def exit_code(self):
        """The code that it ended with, or None."""
        ended = container.show(self.id, "State.Status") == "exited"
        return int(container.show(self.id, "State.ExitCode")) if ended else None

    def probe(self, which):
        """One probe: whether it succeeds."""
        probe = self.container[which]
        known(probe, PROBE)
        get = probe["httpGet"]
        known(get, {"path", "port", "scheme"})
        ports = {one["name"]: one["containerPort"] for one in self.container["ports"]}
        address = f"{get.get('scheme', 'HTTP').lower()}://127.0.0.1:{ports[get['port']]}"
        try:
            code, _ = ask(address + get["path"])
        except OSError:
            return False
        return 200 <= code < 400

    def succeeds(self, which):
        """Waits for a probe to succeed. The container must not end meanwhile."""

        def tried():
            assert self.exit_code() is None, f"it ended with {self.exit_code()}: {self.logs()}"
            return self.probe(which)

        eventually(f"{which} succeeds", tried)

    def stop(self):
        """SIGTERM, then SIGKILL when the grace period is over. Returns the exit code."""
        podman("stop", f"--time={self.spec['terminationGracePeriodSeconds']}", self.id)
        return self.exit_code()


def prepare():
    """Gives podman the image by both names that the manifests have for it."""
    container.prepare()
    WORK.mkdir()
    archive = ROOT / f"target/packages/cognitosync-exporter-{VERSION}-image.tar"
    podman("load", "--quiet", f"--input={archive}")
    name = f"cognitosync-exporter:{VERSION}"
    podman("tag", name, f"registry.example/{name}")


def ask(address, login=None, trust=None):
    """The code and the body of an answer. Certificates are not verified, as by the kubelet, unless
    there is one to trust."""
    request = urllib.request.Request(address, headers={"Connection": "close"})
    if login:
        request.add_header("Authorization", login)
    tls = ssl.create_default_context(cafile=trust)
    if not trust:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, timeout=30, context=tls) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
