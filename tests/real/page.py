"""docs/kubernetes.md, whose commands are typed with a stand-in for kubectl."""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import textwrap

import manifests
import yaml
from kubelet import WORK
from machine import ROOT

KEY = "AKIDOFSECRET"
CREDENTIALS = f"[default]\naws_access_key_id={KEY}\naws_secret_access_key=x\n"
# Stands for kubectl where the page's commands are typed: it keeps what would be sent to a server.
KUBECTL = f"""\
#!/bin/sh -eu
case "$1 $2" in
  "apply -k") {manifests.KUBECTL} kustomize "$3" ;;
  create*) {manifests.KUBECTL} "$@" --dry-run=client --output=yaml ;;
  "delete -k") {manifests.KUBECTL} kustomize "$3" >/dev/null ;;
  delete* | scale*) echo "$@" >>"$APPLIED.changes" ;;
  # The template is read, of an object that has none of its fields.
  "get prometheus") {manifests.KUBECTL} create configmap none --dry-run=client "$4" >/dev/null ;;
  "auth can-i") ;;
  "label namespace" | "rollout status" | "port-forward service/cognitosync-exporter") ;;
  *) echo "the stand-in for kubectl does not know: $*" >&2; exit 1 ;;
esac >>"$APPLIED"
echo --- >>"$APPLIED"
"""


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
        self.text = (ROOT / "docs/kubernetes.md").read_text()
        blocks = re.findall(r"^```sh\n(.*?)^```$", self.text, re.S | re.M)
        self.overlay, self.apply, self.forward, self.number, *blocks = blocks
        self.selectors, self.allowed, self.secrets, self.afresh, self.remove = blocks

    def example(self, heading):
        """The first block of YAML below a heading, or the beginning of a line in bold."""
        page = self.text.split(f"\n{heading}")[1]
        indent, block = re.search(r"^( *)```yaml\n(.*?)^ *```$", page, re.S | re.M).groups()
        return textwrap.dedent(block) if indent else block

    def type(self, block, folder="."):
        command = ["bash", "-eu", "-c", block]
        at = self.checkout / folder
        ran = subprocess.run(command, cwd=at, env=self.environment, capture_output=True, text=True)
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

    def changes(self):
        """What was deleted and scaled: the arguments of each command."""
        return [line.split() for line in pathlib.Path(f"{self.applied}.changes").open()]
