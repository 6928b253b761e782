"""IRSA without EKS: what its webhook adds to a pod, and a stand-in for STS."""

import urllib.parse

import stand_in

ROLE = "eks.amazonaws.com/role-arn"
TOKEN, KEY = "token-of-the-account", "ASIAOFTHEROLE"
FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
ANSWER = f"""\
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult>
<Credentials><AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>x</SecretAccessKey>
<SessionToken>x</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/x/x</Arn><AssumedRoleId>x:x</AssumedRoleId>
</AssumedRoleUser></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
"""


class Sts(stand_in.Handler):
    """Gives keys for the token, and notes for which roles."""

    roles = set()

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = dict(urllib.parse.parse_qsl(asked))
        known = asked["Action"] == "AssumeRoleWithWebIdentity"
        known &= asked["WebIdentityToken"] == TOKEN
        if known:
            self.roles.add(asked["RoleArn"])
        body = ANSWER.encode() if known else b""
        self.send_response(200 if known else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def webhook(objects, sts):
    """Adds to the pod what the webhook adds for the annotation of its ServiceAccount: variables of
    the environment and a token that the kubelet writes. Returns the role."""
    [stateful_set] = [one for one in objects if one["kind"] == "StatefulSet"]
    pod = stateful_set["spec"]["template"]["spec"]
    [account] = [one for one in objects if one["kind"] == "ServiceAccount"]
    assert account["metadata"]["name"] == pod["serviceAccountName"]
    role = account["metadata"]["annotations"][ROLE]
    [container] = pod["containers"]
    added = {
        "AWS_ROLE_ARN": role,
        "AWS_WEB_IDENTITY_TOKEN_FILE": f"{FOLDER}/token",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_STS": sts,
    }
    container["env"] += [{"name": name, "value": value} for name, value in added.items()]
    container["volumeMounts"].append({"name": "aws-iam-token", "mountPath": FOLDER})
    # The kubelet writes a token as it writes a Secret.
    source = {"secretName": "aws-iam-token", "defaultMode": 0o600}
    pod["volumes"].append({"name": "aws-iam-token", "secret": source})
    data = {"token": TOKEN}
    objects.append({"kind": "Secret", "metadata": {"name": "aws-iam-token"}, "data": data})
    return role
