"""What tests/real/kubernetes checks of the rendered manifests.

Each check returns a remark for the report, or raises AssertionError.
"""

import copy
import functools
import ipaddress
import itertools
import os
import pathlib
import re
import subprocess
import tempfile

import machine
import manifests
import restricted
import yaml
from machine import ROOT

EXAMPLES = sorted(path for path in (manifests.DEPLOY / "examples").iterdir() if path.is_dir())
BINARY = ROOT / "target/release/cognitosync_exporter"
DASHBOARDS = ROOT / "dashboards"
# `kubectl apply` keeps an object in an annotation, and those of an object may have 256 KiB.
APPLIED = 256 * 1024 - 4096
NAME, INSTANCE = "app.kubernetes.io/name", "app.kubernetes.io/instance"
VERSION = "app.kubernetes.io/version"


@functools.cache
def rendered():
    """The objects of the base and of each example, by the name of the folder."""
    return {path.name: manifests.render(path) for path in [manifests.DEPLOY / "base", *EXAMPLES]}


@functools.cache
def validator():
    return manifests.Validator()


def each(*kinds):
    """All objects, or those of some kinds, with the name of the folder."""
    for folder, objects in rendered().items():
        for one in objects:
            if one["kind"] in kinds or not kinds:
                yield folder, one


def selects(selector, labels):
    """Whether a selector selects what has these labels."""
    expressions = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in expressions), "not known here"
    named = selector.get("matchLabels", {}).items() <= labels.items()
    return named and all(labels.get(one["key"]) in one["values"] for one in expressions)


def pod_labels(stateful_set):
    return stateful_set["spec"]["template"]["metadata"]["labels"]


def schemas():
    """Every object is as the API, or the operator, describes it."""
    known = [(folder, one) for folder, one in each() if validator().knows(one)]
    for folder, one in known:
        problem = validator().problem(one)
        assert not problem, f"{folder}: {manifests.name(one)}: {problem}"
    told = f"{len(known)} objects"
    if not validator().operator:
        told += "; skipped: those of the operator, as ../shared/data/crds is absent"
    return told


def misspelt_keys_are_found():
    """In the folder that has the most kinds."""
    tried = 0
    for one in filter(validator().knows, rendered()["web"]):
        assert not validator().problem(one)
        for where, wrong in manifests.misspelt(one):
            tried += 1
            assert validator().problem(wrong), f"{manifests.name(one)}: {where} may be misspelt"
    assert tried > 100, tried
    return f"{tried} of {tried}"


def restricted_profile():
    checked = 0
    for folder, one in each("StatefulSet"):
        pod = one["spec"]["template"]["spec"]
        assert not restricted.violations(pod), f"{folder}: {restricted.violations(pod)}"
        for rule, where, wrong in restricted.broken(pod):
            assert restricted.violations(wrong) == {rule}, f"{where}: not only {rule}"
            checked += 1
    return f"kept; {checked} pods that break a rule are refused"


def one_replica():
    """Two would make every call twice."""
    for folder, one in each("StatefulSet"):
        assert one["spec"]["replicas"] == 1, folder
    return "everywhere"


def names_lead_somewhere():
    """What is named is there: accounts, Services, ConfigMaps, volumes, ports."""
    checked = 0
    for folder, one in each("StatefulSet"):
        objects, spec = rendered()[folder], one["spec"]
        pod, labels = spec["template"]["spec"], pod_labels(one)
        [container] = pod["containers"]
        manifests.only(objects, "ServiceAccount", pod["serviceAccountName"])
        service = manifests.only(objects, "Service", spec["serviceName"])
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        config = manifests.only(objects, "ConfigMap", volumes["config"]["configMap"]["name"])
        assert "config.yaml" in config["data"]
        # A name with a hash of the content would restart the pod at each change.
        assert config["metadata"]["name"] == one["metadata"]["name"]
        claims = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert set(mounts) == set(volumes) | claims, set(mounts) ^ (set(volumes) | claims)
        assert not any("subPath" in mount for mount in mounts.values())
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        used = [port["targetPort"] for port in service["spec"]["ports"]]
        used += [probe["httpGet"]["port"] for probe in restricted.handlers(container)]
        [policy] = [
            other
            for other in objects
            if other["kind"] == "NetworkPolicy" and selects(other["spec"]["podSelector"], labels)
        ]
        assert set(used) == set(ports), (used, ports)
        allowed = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
        assert allowed == list(ports.values()), (allowed, ports)
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
            assert probe in container
        checked += 1
    return f"{checked} pods"


def selectors_select_one():
    """A Service, a StatefulSet and a NetworkPolicy have the pod of their name, and no other one,
    where the examples share a namespace with the base too."""
    pods = {}
    for _, one in each("StatefulSet"):
        pods[one["metadata"]["name"]] = pod_labels(one)
    assert len(pods) == 3, pods
    others = {"without labels": {}, "prometheus": {NAME: "prometheus"}}
    for folder, one in each("Service", "StatefulSet", "NetworkPolicy"):
        spec = one["spec"]
        selector = spec["podSelector"] if one["kind"] == "NetworkPolicy" else spec["selector"]
        if one["kind"] == "Service":
            selector = {"matchLabels": selector}
        found = [pod for pod, labels in (pods | others).items() if selects(selector, labels)]
        assert found == [one["metadata"]["name"]], f"{folder}: {manifests.name(one)}: {found}"
    return f"{len(pods)} pods"


def ingress():
    """Prometheus of any namespace; by the example that narrows it, that of one."""
    prometheus, other = {NAME: "prometheus"}, {NAME: "other"}
    for folder, one in each("NetworkPolicy"):
        narrow = folder == "kube-prometheus-stack"

        def allowed(namespace, labels, one=one):
            named = {"kubernetes.io/metadata.name": namespace}
            return any(
                selects(source["namespaceSelector"], named)
                and selects(source["podSelector"], labels)
                for rule in one["spec"]["ingress"]
                for source in rule["from"]
            )

        assert one["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert allowed("monitoring", prometheus), folder
        assert allowed("elsewhere", prometheus) != narrow, folder
        assert not allowed("monitoring", other), folder
    return "Prometheus"


def is_within(address, block):
    assert block.keys() == {"ipBlock"} and block["ipBlock"].keys() == {"cidr"}, "not known here"
    return ipaddress.ip_address(address) in ipaddress.ip_network(block["ipBlock"]["cidr"])


def goes_out(policy, address, protocol, port):
    """Whether a rule allows egress. A rule without `to` allows it to any address."""
    return any(
        {"protocol": protocol, "port": port} in rule["ports"]
        and ("to" not in rule or any(is_within(address, block) for block in rule["to"]))
        for rule in policy["spec"]["egress"]
    )


def egress():
    """DNS, AWS and EKS Pod Identity, and not the credentials of the node."""
    anywhere = ["192.0.2.1", "10.0.0.1", "2001:db8::1"]
    open_to_all = [("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353), ("TCP", 443)]
    allowed = [(address, *port) for address in anywhere for port in open_to_all]
    allowed += [("169.254.170.23", "TCP", 80), ("fd00:ec2::23", "TCP", 80)]
    refused = [(address, "TCP", 80) for address in anywhere]
    refused += [("169.254.169.254", "TCP", 80), ("fd00:ec2::254", "TCP", 80)]
    refused += [("169.254.170.23", "UDP", 80), ("192.0.2.1", "UDP", 443), ("10.0.0.1", "TCP", 22)]
    for folder, one in each("NetworkPolicy"):
        for asked in allowed:
            assert goes_out(one, *asked), f"{folder}: {asked} is refused"
        for asked in refused:
            assert not goes_out(one, *asked), f"{folder}: {asked} is allowed"
    return f"{len(allowed)} allowed, {len(refused)} refused"


def versions():
    """Tag and label are those of Cargo.toml, and nothing that cannot change has them."""
    version = machine.VERSION
    for folder, one in each("StatefulSet"):
        spec = one["spec"]
        image = spec["template"]["spec"]["containers"][0]["image"]
        assert image.endswith(f"cognitosync-exporter:{version}"), f"{folder}: {image}"
        assert one["metadata"]["labels"][VERSION] == version, folder
        assert pod_labels(one)[VERSION] == version, folder
        fixed = [spec["selector"]["matchLabels"]]
        fixed += [claim["metadata"]["labels"] for claim in spec["volumeClaimTemplates"]]
        for labels in fixed:
            assert set(labels) == {NAME, INSTANCE}, f"{folder}: {labels}"
    return version


def labels_and_sizes():
    """All have the label by which they are found, and a size that the API takes."""
    largest = 0
    for folder, one in each():
        assert one["metadata"]["labels"][NAME] == "cognitosync-exporter", manifests.name(one)
        if folder != "base":
            assert one["metadata"]["namespace"] == "cognitosync", manifests.name(one)
        largest = max(largest, manifests.size(one))
        assert manifests.size(one) < APPLIED, f"{manifests.name(one)}: {manifests.size(one)}"
    return f"{largest} bytes at most"


def monitors_find_their_services():
    """By label and name of the port."""
    checked = 0
    for folder, one in each("ServiceMonitor"):
        wanted = [endpoint["port"] for endpoint in one["spec"]["endpoints"]]
        services = [other for other in rendered()[folder] if other["kind"] == "Service"]
        for service in services:
            labels = service["metadata"]["labels"]
            assert selects(one["spec"]["selector"], labels), manifests.name(service)
            assert wanted == [port["name"] for port in service["spec"]["ports"]]
            # Its metrics say why it is not ready.
            assert service["spec"]["publishNotReadyAddresses"]
            assert one["spec"]["jobLabel"] in labels
            checked += 1
    assert checked == 4, checked
    return f"{checked} Services"


def rules():
    """The rules are those of dashboards/alerts, and promtool takes them."""
    shipped = {}
    for _, one in each("PrometheusRule"):
        file = DASHBOARDS / f"alerts/{one['metadata']['name'].removeprefix('cognitosync-')}.yaml"
        assert one["spec"] == yaml.safe_load(file.read_text()), file.name
        shipped[file.name] = one["spec"]
    assert sorted(shipped) == ["alerts.yaml", "recording.yaml"]
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, spec in shipped.items():
            files.append(pathlib.Path(folder, name))
            files[-1].write_text(yaml.safe_dump(spec))
        ran = subprocess.run(["promtool", "check", "rules", *files], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = sum(map(int, re.findall(r"SUCCESS: (\d+) rules", ran.stdout)))
    assert found == sum(len(g["rules"]) for spec in shipped.values() for g in spec["groups"])
    return f"{found} rules"


def monitor_and_rules_apart():
    """For what is once in a namespace, and what is once for each Prometheus."""
    kinds = {}
    component = manifests.DEPLOY / "components/prometheus-operator"
    for part in ["monitor", "rules"]:
        with tempfile.TemporaryDirectory() as at:
            path = os.path.relpath(component / part, pathlib.Path(at).resolve())
            pathlib.Path(at, "kustomization.yaml").write_text(f"components: [{path}]\n")
            kinds[part] = [one["kind"] for one in manifests.render(at)]
    assert kinds == {"monitor": ["ServiceMonitor"], "rules": ["PrometheusRule"] * 2}, kinds
    return "two components"


def dashboards():
    """Each file is a ConfigMap that Grafana's sidecar finds."""
    found = {}
    for one in rendered()["kube-prometheus-stack"]:
        if one["metadata"]["labels"].get("grafana_dashboard") == "1":
            found |= one["data"]
    files = {file.name: file.read_text() for file in (DASHBOARDS / "grafana").glob("*.json")}
    assert found == files, found.keys() ^ files.keys()
    return ", ".join(sorted(found))


def instances_differ():
    """The exporters of one overlay share nothing."""
    stateful_sets = [one for one in rendered()["several"] if one["kind"] == "StatefulSet"]
    assert len(stateful_sets) == 2

    def named(one):
        pod = one["spec"]["template"]["spec"]
        [config] = [volume for volume in pod["volumes"] if volume["name"] == "config"]
        account = manifests.only(rendered()["several"], "ServiceAccount", pod["serviceAccountName"])
        role = account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
        own = {one["metadata"]["name"], one["spec"]["serviceName"], role}
        return own | {config["configMap"]["name"]}

    for one, other in itertools.combinations(stateful_sets, 2):
        assert not named(one) - {one["metadata"]["name"]} & named(other)
    return "names, configurations, roles"


def config_check(config_map):
    with tempfile.TemporaryDirectory() as at:
        for file, text in config_map["data"].items():
            pathlib.Path(at, file).write_text(text)
        command = [BINARY, "--config.check", f"--config.file={at}/config.yaml"]
        return subprocess.run(command, capture_output=True, text=True)


def configurations():
    """The exporter takes the configuration of each example once its placeholders are replaced, and
    says what is missing before, and in the base."""
    checked = 0
    for folder, one in each("ConfigMap"):
        if "config.yaml" not in one["data"]:
            continue
        ran = config_check(one)
        missing = "has no pool" if folder == "base" else "is still a placeholder"
        assert ran.returncode == 78 and missing in ran.stderr, f"{folder}: {ran}"
        if folder != "base":
            [filled] = manifests.filled([copy.deepcopy(one)])
            ran = config_check(filled)
            assert ran.returncode == 0, f"{folder}: {ran.stderr}"
        checked += 1
    return f"{checked} files"


CHECKS = [
    schemas,
    misspelt_keys_are_found,
    restricted_profile,
    one_replica,
    names_lead_somewhere,
    selectors_select_one,
    ingress,
    egress,
    versions,
    labels_and_sizes,
    monitors_find_their_services,
    rules,
    monitor_and_rules_apart,
    dashboards,
    instances_differ,
    configurations,
]
