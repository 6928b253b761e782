"""What deploy/kubernetes renders to, and whether an API server would take it."""

import copy
import json
import re
import subprocess
import uuid

import jsonschema
import kubernetes_validate
import yaml
from machine import ROOT

DEPLOY = ROOT / "deploy/kubernetes"
KUBECTL = ROOT / "target/kubectl"
# The definitions of the Prometheus operator are no part of the repository.
CRDS = ROOT.parent / "shared/data/crds"
# The first version that does all that is written there, and the newest that is known.
KUBERNETES = ["1.27", "1.37"]
# Keys below these are names of the user's own, so any is right.
OPEN = ["labels", "annotations", "matchLabels", "selector", "data", "requests", "limits"]
OPEN += ["nodeSelector"]


def render(directory):
    """The objects that `kubectl apply -k` would send."""
    ran = subprocess.run([KUBECTL, "kustomize", directory], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return list(yaml.safe_load_all(ran.stdout))


def filled(objects):
    """The same with an id in the place of each placeholder, so that the exporter starts."""

    def guid(placeholder):
        return str(uuid.uuid5(uuid.NAMESPACE_OID, placeholder[0]))

    for one in objects:
        if one["kind"] == "ConfigMap":
            data = one["data"].items()
            one["data"] = {key: re.sub("REPLACE-[A-Z-]+", guid, text) for key, text in data}
    return objects


def name(manifest):
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def only(objects, kind, called=None):
    """The one object of a kind, or with a name."""
    found = [one for one in objects if one["kind"] == kind]
    found = [one for one in found if called in [None, one["metadata"]["name"]]]
    assert len(found) == 1, f"{len(found)} of {kind} {called or ''}"
    return found[0]


def pod(objects, called=None):
    return only(objects, "StatefulSet", called)["spec"]["template"]["spec"]


def closed(schema):
    """A schema that allows no other properties than those that it names."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    # Go's flags of regular expressions are unknown elsewhere.
    kept = {
        key: closed(value)
        for key, value in schema.items()
        if not (key == "pattern" and isinstance(value, str) and value.startswith("(?"))
    }
    if isinstance(kept.get("properties"), dict) and kept.get("type") == "object":
        kept.setdefault("additionalProperties", False)
    return kept


def operator_schemas():
    """The schemas of the Prometheus operator's kinds; none where the folder is absent."""
    schemas = {}
    for file in sorted(CRDS.glob("*.yaml")):
        definition = yaml.safe_load(file.read_text())["spec"]
        [version] = [one for one in definition["versions"] if one["name"] == "v1"]
        schema = closed(version["schema"]["openAPIV3Schema"])
        # What every object has; the definition says no more than that it is an object.
        text = {"type": "string"}
        texts = {"type": "object", "additionalProperties": text}
        schema["properties"]["metadata"] = {
            "type": "object",
            "properties": {"name": text, "namespace": text, "labels": texts, "annotations": texts},
            "additionalProperties": False,
        }
        schemas[definition["names"]["kind"]] = jsonschema.Draft202012Validator(schema)
    return schemas


class Validator:
    """Says what is wrong with an object."""

    def __init__(self):
        self.operator = operator_schemas()

    def knows(self, manifest):
        return "monitoring.coreos.com" not in manifest["apiVersion"] or bool(self.operator)

    def problem(self, manifest):
        """The first problem, or None."""
        try:
            if "monitoring.coreos.com" in manifest["apiVersion"]:
                self.operator[manifest["kind"]].validate(manifest)
            else:
                for release in KUBERNETES:
                    kubernetes_validate.validate(manifest, release, strict=True)
        except jsonschema.ValidationError as error:
            return f"{error.json_path}: {error.message:.300}"
        return None


def misspelt(manifest):
    """The object once for each of its keys, with that key misspelt."""

    def places(value, path):
        if isinstance(value, dict):
            for key, below in value.items():
                yield [*path, key]
                if key not in OPEN:
                    yield from places(below, [*path, key])
        elif isinstance(value, list):
            # One of a list stands for all of its kind.
            for index, below in enumerate(value[:1]):
                yield from places(below, [*path, index])

    for *path, key in places(manifest, []):
        if path == [] and key in ["apiVersion", "kind"]:
            continue
        wrong = copy.deepcopy(manifest)
        within = wrong
        for step in path:
            within = within[step]
        within[f"{key}x"] = within.pop(key)
        yield ".".join(map(str, [*path, key])), wrong


def size(manifest):
    """Bytes of an object as JSON, as `kubectl apply` keeps it in an annotation."""
    return len(json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode())
