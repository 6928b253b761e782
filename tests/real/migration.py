"""Types docs/migration.md against the demo:
migration.py BINARY
"""

import csv
import re
import sys

import documents
import places
import terminal
from checks import run
from stand_in import serve

PAGE = "docs/migration.md"
IDENTITIES = 300
METRICS = "http://localhost:10520/metrics"


def demo(shell):
    [command] = re.findall(r"`(cognitosync_exporter demo [^`]*)`", documents.text(PAGE))
    shell.type(f"{command} 2>demo.log &")
    shell.wait_for("http://localhost:10520/api/v1/status", '"first_sweep": null')
    url = re.search(r"endpoint_url=(\S+)", (shell.folder / "demo.log").read_text())[1]
    keys = "AWS_ACCESS_KEY_ID=owner AWS_SECRET_ACCESS_KEY=x"
    api = serve(places.Api)
    endpoints = f"AWS_ENDPOINT_URL_COGNITO_SYNC={url} AWS_ENDPOINT_URL_COGNITO_IDENTITY={api}"
    shell.type(f"export {keys} {endpoints}")
    return "all identities are known"


def writers(shell):
    write, others, client = documents.blocks(PAGE, "Which identities still write")
    [pool] = set(re.findall(r'identity_pool_id="([^"]+)"', shell.type(f"curl --silent {METRICS}")))
    shell.type(write.replace("us-east-1:REPLACE-ME", pool))
    last = shell.type(others).strip().split(",")
    lists = [(shell.folder / f"{name}.csv").read_text() for name in ["writers", "silent"]]
    wrote, silent = [
        {row["identity_id"] for row in csv.DictReader(text.splitlines())} for text in lists
    ]
    assert wrote and silent and not wrote & silent, (len(wrote), len(silent))
    assert len(wrote | silent) < IDENTITIES
    assert last[1] in wrote, last
    assert '"DatasetName"' in shell.type(client)
    return f"{len(wrote)} write, {len(silent)} are silent"


def drain(shell):
    shell.type_section(PAGE, "Watch it drain")
    found = (shell.folder / "drain.txt").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [1-9]\d*\n", found), found
    return found.strip()


def before_deletion(shell):
    states, totals, quiet, copy = documents.blocks(PAGE, "Before you delete it")
    printed = shell.type(states)
    assert printed.count("cognitosync_pool_identities{") == 5, printed
    printed = shell.type(totals)
    assert len(re.findall(r"^cognitosync_pool_\w+\{", printed, re.M)) == 4, printed
    assert 0 < int(shell.type(quiet)) < IDENTITIES
    # Where the answer is none, no zero looks like one.
    unknown = shell.type(f"(POOL=production-drained; {quiet}) || echo refused")
    assert re.fullmatch(r"curl: .* 400\s+refused\s+", unknown), unknown
    assert '"Records"' in shell.type(copy)
    return "states, totals, writers of 90 days, records"


def delete(shell):
    dataset, pool = documents.blocks(PAGE, "Delete")
    shell.type(dataset)
    shell.type(pool)
    [(action, asked)] = places.Api.called
    assert action == "DeleteIdentityPool", action
    assert asked["IdentityPoolId"] == shell.type('echo "$POOL"').strip()
    return "the dataset, then the pool"


terminal.in_namespace()
shell = terminal.Terminal(terminal.checkout(sys.argv[1]))
checks = [demo, writers, drain, before_deletion, delete]
# Each check needs those before it.
run("migration", checks, shell, mend=lambda: sys.exit(1))
