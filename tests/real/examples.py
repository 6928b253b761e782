"""Types what the README of each example says, with the demo in place of Cognito Sync and Cognito
Identity, and stand-ins for what gives credentials:
examples.py BINARY
"""

import re
import shutil
import sys

import documents
import places
import terminal
from checks import run
from machine import ROOT
from stand_in import serve

METRICS = "http://localhost:10520/metrics"


class Example:
    """One example, whose commands are typed in a copy of its directory."""

    def __init__(self, folder, demo, name, **environment):
        self.page = f"examples/{name}/README.md"
        own = folder / name
        shutil.copytree(ROOT / f"examples/{name}", own)
        (own / "bin").mkdir()
        (own / "target").symlink_to(folder / "target")
        self.shell = terminal.Terminal(own, **demo.variables, **environment)
        self.demo = demo

    def type(self):
        """Types all blocks, with the demo's pools in place of those of the page. Returns what the
        last one printed."""
        printed = ""
        for block in documents.all_blocks(self.page):
            printed = self.shell.type(self.demo.pools_in(block))
        return printed

    def check(self, expected):
        """Waits for a sample."""
        self.shell.wait_for(METRICS, expected)
        self.shell.type("kill %1; wait %1 || true")
        self.shell.close()


class Demo:
    """The demo, with pools in two regions."""

    def __init__(self, folder):
        shell = terminal.Terminal(folder)
        # With so many, the first is polled soon.
        flags = "--pools=2 --identities=600 --web.listen-address=localhost:10530"
        shell.type(f"cognitosync_exporter demo {flags} 2>demo.log &")
        shell.wait_for("http://localhost:10530/-/ready")
        url = re.search(r"endpoint_url=(\S+)", (folder / "demo.log").read_text())[1]
        names = ["COGNITO_SYNC", "COGNITO_IDENTITY"]
        self.variables = {f"AWS_ENDPOINT_URL_{name}": url for name in names}
        self.pools = {}
        for region in ["us-east-1", "eu-west-1"]:
            list_pools = f"cognitosync_exporter list-pools --region={region} --endpoint-url={url}"
            keys = "AWS_ACCESS_KEY_ID=owner AWS_SECRET_ACCESS_KEY=x"
            printed = shell.type(f"{keys} {list_pools}")
            [self.pools[region]] = re.findall(rf"^({region}:\S+)", printed, re.M)

    def pools_in(self, block):
        for region, pool in self.pools.items():
            block = re.sub(rf"{region}:[\da-f-]{{36}}", pool, block)
        return block


def two_accounts(folder, demo):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDOFNEITHER", "AWS_SECRET_ACCESS_KEY": "x"}
    # IAM has no regions, but the CLI wants one for an endpoint that is not AWS's.
    keys["AWS_DEFAULT_REGION"] = "us-east-1"
    services = {"STS": places.Sts, "IAM": places.Api}
    urls = {f"AWS_ENDPOINT_URL_{name}": serve(service) for name, service in services.items()}
    example = Example(folder, demo, "two-accounts", **keys, **urls)
    profiles = "".join(
        f"[{name}-admin]\naws_access_key_id = x\naws_secret_access_key = x\n"
        for name in ["shop", "games"]
    )
    (example.shell.folder / ".aws").mkdir()
    (example.shell.folder / ".aws/credentials").write_text(profiles)
    good = example.type()
    prepared = places.Api.called
    assert [action for action, _ in prepared] == ["CreateRole"] + 2 * ["PutRolePolicy"], prepared
    trust, policy, own = [asked for _, asked in prepared]
    assert '"a1b2c3-shop"' in trust["AssumeRolePolicyDocument"], trust
    assert "cognito-sync:ListDatasets" in policy["PolicyDocument"], policy
    assert own["PolicyDocument"].count(":role/cognitosync-exporter") == 2, own
    for pool in demo.pools.values():
        example.shell.wait_for(METRICS, f'cognitosync_identity_up{{identity_pool_id="{pool}"')
    asked = {(one["RoleArn"], one["ExternalId"]) for one in places.Sts.asked}
    role = "arn:aws:iam::{}:role/cognitosync-exporter".format
    expected = {(role("111122223333"), "a1b2c3-shop"), (role("444455556666"), "a1b2c3-games")}
    assert asked == expected, asked
    for account, _ in expected:
        assert re.search(rf'budget="\S+ {account}[^"]*"}} 1', good), good
    example.check('name="games"')
    return "two roles, each with its external id"


def sso(folder, demo):
    portal = {"AWS_ENDPOINT_URL_SSO": serve(places.Portal)}
    example = Example(folder, demo, "sso", **portal)
    places.log_in(example.shell.folder, "company")
    example.type()
    assert places.Portal.asked, "the portal was not asked"
    example.check('cognitosync_pool_identities{identity_pool_id="')
    return "with the session's role, and identities that were discovered"


def drained(folder, demo):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDOFTHEOWNER", "AWS_SECRET_ACCESS_KEY": "x"}
    example = Example(folder, demo, "drained", **keys)
    printed = example.type()
    assert "\nidentity_pool_id," in f"\n{printed}", printed
    example.check('name="production (drained)"')
    return "the pool has the name that the alert goes by"


terminal.in_namespace()
folder = terminal.checkout(sys.argv[1])
checks = [two_accounts, sso, drained]
sys.exit(1 if run("examples", checks, folder, Demo(folder)) else 0)
