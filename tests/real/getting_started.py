"""Types docs/getting-started.md:
getting_started.py BINARY path     from the demo to an alert and a list of writers
getting_started.py BINARY places   credentials by place, with stand-ins of their endpoints
"""

import csv
import json
import pathlib
import re
import sys

import documents
import irsa
import places
import terminal
from checks import run
from machine import eventually
from stand_in import CognitoSync, serve

PAGE = "docs/getting-started.md"
ACCOUNT = "123456789012"
READY = "http://localhost:10520/-/ready"
# Where rules and intervals wait for minutes, the test does not.
HASTE = [
    (r"\binterval: .*", "interval: 1s"),
    (r"_interval: \d+\w+", "_interval: 1s"),
    (r"scrape_timeout: .*", "scrape_timeout: 1s"),
    (r"group_wait: .*", "group_wait: 1s"),
    (r"\bfor: .*", "for: 0s"),
]


def hasten(path, haste):
    """Shortens the times in a file."""
    text = path.read_text()
    for patient, impatient in haste:
        text = re.sub(patient, impatient, text)
    path.write_text(text)


def practise(shell):
    shell.type(documents.blocks(PAGE, "What you need")[0])
    demo, variables = documents.blocks(PAGE, "Practise without AWS")
    shell.type(demo)
    shell.wait_for("http://localhost:10530/-/ready")
    shell.type(variables)
    return "the demo answers"


def list_identities(shell):
    listing, writing = documents.blocks(PAGE, "Find the pools and the identities")
    pools = re.findall(r"^([\w-]+:[\w-]+) ", shell.type(listing), re.M)
    assert len(pools) == 1, pools
    shell.type(writing.replace("us-east-1:REPLACE-ME", pools[0]))
    lines = (shell.folder / "identities/production.txt").read_text().splitlines()
    assert lines[-1] == "# complete: 300 identities" and len(lines) == 301, lines[-1]
    return "300 identities"


def configure(shell):
    writing, checking = documents.blocks(PAGE, "Write the configuration")
    shell.type(writing)
    printed = shell.type(checking)
    assert "300 identities" in printed, printed
    policy = documents.blocks(PAGE, "Give it permission")[0]
    shell.type(policy)
    assert json.loads((shell.folder / "policy.json").read_text())["Statement"]
    return "config.yaml is good, and has a policy"


def run_it(shell):
    start, watch = documents.blocks(PAGE, "Run it")
    hasten(
        shell.folder / "config.yaml",
        [("interval: 5m", "interval: 10s"), ("rate_limit: 10 ", "rate_limit: 60 ")],
    )
    shell.type(start)
    states = shell.type(watch)
    assert 'state="fresh"' in states, states
    return "AWS's stand-in has answered"


def alert(shell):
    for file in (shell.folder / "dashboards/alerts").glob("*.yaml"):
        hasten(file, HASTE)
    program, webhook, *servers = documents.blocks(PAGE, "Prometheus and an alert")
    shell.type(program)
    printed = shell.type(webhook)
    for server in servers:
        shell.type(server)

    def arrived():
        return re.findall("^firing .*", printed.read_text(), re.M)

    return eventually("an alert at the webhook", arrived)[0]


def writers(shell):
    everyone = "http://localhost:10520/api/v1/status"
    shell.wait_for(everyone, '"first_sweep": null')
    shell.type_section(PAGE, "Which identities still write")
    with (shell.folder / "writers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert 0 < len(rows) < 300, len(rows)
    assert all(row["last_modified"] for row in rows)
    return f"{len(rows)} of 300 identities write"


def leave(shell):
    shell.type_section(PAGE, "From practice to AWS")
    ask = f"curl --silent --output /dev/null {READY} || echo nothing"
    eventually("the port to be free", lambda: "nothing" in shell.type(ask))
    assert "AWS_" not in shell.type("env")
    return "nothing of the simulator is left"


def configuration(shell):
    """What the sections before have made."""
    (shell.folder / "config.yaml").write_text(
        "pools: [{id: 'us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11', identities: "
        "['us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10']}]\npoll: {interval: 1s}\n"
    )
    shell.type(f"cognitosync_exporter iam-policy --account={ACCOUNT} >policy.json")


def signed_by(shell, key, start):
    """Starts the exporter, and waits until the service has seen calls with this key alone."""
    sync = CognitoSync()
    try:
        shell.type(start)
        shell.wait_for(READY)
    finally:
        shell.close()
        sync.stop()
    assert sync.keys == {key}, sync.keys
    return f"calls are signed with {key}"


def environment():
    api = serve(places.Api)
    names = ["IAM", "EC2", "ECS"]
    return {
        "AWS_ENDPOINT_URL_COGNITO_SYNC": "http://127.0.0.1:10521",
        # For the AWS CLI of somebody who prepares a role.
        **{f"AWS_ENDPOINT_URL_{name}": api for name in names},
    }


def prepared(shell, block):
    """Types what makes a role, with the keys of an administrator. Returns what was called."""
    places.Api.called.clear()
    for command in re.findall(r"^aws (?!iam )(?:.*\\\n)*.*$", block, re.M):
        assert "--region=" in command, command
    # IAM has no regions, but the CLI wants one for an endpoint that is not AWS's.
    variables = "AWS_ACCESS_KEY_ID=admin AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1"
    names = re.sub(r"=\S+", "", variables)
    shell.type(f"export {variables}\n{block}\nunset {names}")
    for _, asked in places.Api.called:
        for document in ["AssumeRolePolicyDocument", "PolicyDocument"]:
            assert json.loads(asked.get(document, "{}")) is not None
    return [action for action, _ in places.Api.called]


def laptop(shell):
    heading = "A laptop with SSO"
    portal = {"AWS_ENDPOINT_URL_SSO": serve(places.Portal)}
    shell.environment |= portal | {"AWS_EC2_METADATA_DISABLED": "true"}
    shell.write(PAGE, heading, "ini", ".aws/config")
    places.log_in(shell.folder, "company")
    login, start = documents.blocks(PAGE, heading)
    shell.type(login)
    told = signed_by(shell, places.KEYS["sso"], start)
    assert places.Portal.asked[0] == {"role_name": "CognitoSyncReader", "account_id": ACCOUNT}
    return told


def ec2(shell):
    prepare, show, start = documents.blocks(PAGE, "An EC2 instance")
    called = prepared(shell, prepare)
    assert len(called) == 5 and called[-1] == "AssociateIamInstanceProfile", called
    places.serve_at(places.METADATA, places.Metadata)
    assert shell.type(show).strip() == places.ROLE
    return signed_by(shell, places.KEYS["ec2"], start)


def ecs(shell):
    heading = "An ECS task"
    shell.write(PAGE, heading, "json", "task.json")
    role, task = documents.blocks(PAGE, heading)
    called = prepared(shell, f"{role}\n{task}")
    assert called == ["CreateRole", "PutRolePolicy", "RegisterTaskDefinition"], called
    places.serve_at(places.TASK, places.Agent)
    # What ECS sets.
    shell.environment |= {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": places.RELATIVE_URI}
    definition = json.loads((shell.folder / "task.json").read_text())
    flags = " ".join(definition["containerDefinitions"][0]["command"])
    flags = flags.replace("/etc/cognitosync_exporter/", "")
    return signed_by(shell, places.KEYS["ecs"], f"{terminal.OWN}cognitosync_exporter {flags}")


def eks(shell):
    heading = "EKS with IRSA"
    [role] = documents.blocks(PAGE, heading)
    assert prepared(shell, role) == ["CreateRole", "PutRolePolicy"]
    [text] = documents.blocks(PAGE, heading, "text")
    variables = dict(line.split("=", 1) for line in text.splitlines())
    path = pathlib.Path(variables["AWS_WEB_IDENTITY_TOKEN_FILE"])
    path.parent.mkdir(parents=True)
    path.write_text(irsa.TOKEN)
    shell.environment |= {"AWS_ENDPOINT_URL_STS": serve(irsa.Sts), **variables}
    start = f"{terminal.OWN}cognitosync_exporter"
    told = signed_by(shell, irsa.KEY, start)
    assert irsa.Sts.roles == {variables["AWS_ROLE_ARN"]}, irsa.Sts.roles
    return told


def path(binary):
    shell = terminal.Terminal(terminal.checkout(binary, ["dashboards/alerts"]))
    checks = [practise, list_identities, configure, run_it, alert, writers, leave]
    # Each check needs those before it.
    return run("getting started", checks, shell, mend=lambda: sys.exit(1))


def at_places(binary):
    failed = 0
    for place in [laptop, ec2, ecs, eks]:
        shell = terminal.Terminal(terminal.checkout(binary), **environment())
        configuration(shell)
        failed += run("getting started", [place], shell)
        shell.close()
    return failed


terminal.in_namespace([places.METADATA, places.TASK])
sys.exit(1 if {"path": path, "places": at_places}[sys.argv[2]](sys.argv[1]) else 0)
