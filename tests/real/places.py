"""Stand-ins for the endpoints where places hand out AWS's credentials, and for the services that
prepare them. Each place has a key of its own."""

import hashlib
import http.server
import json
import threading
import time
import urllib.parse

import irsa
import stand_in

METADATA, TASK = "169.254.169.254", "169.254.170.2"
ROLE = "cognitosync-exporter"
# The key of each place.
KEYS = {"sso": "AKIDOFSSO", "ec2": "AKIDOFTHEINSTANCE", "ecs": "AKIDOFTHETASK"}
KEYS["role"] = "AKIDOFTHEROLE"
RELATIVE_URI = "/v2/credentials/2f1c9a7e"
SESSION_TOKEN = "token-of-imds"


def keys(place):
    """What IMDS and ECS's agent answer."""
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "RoleArn": f"arn:aws:iam::123456789012:role/{ROLE}",
        "AccessKeyId": KEYS[place],
        "SecretAccessKey": "x",
        "Token": "x",
        "Expiration": "2099-01-01T00:00:00Z",
    }


class Endpoint(stand_in.Handler):
    """Answers with a text, or with the code of an error."""

    def reply(self, answer, headers=None):
        code, text = (200, answer) if isinstance(answer, str) else (answer, "")
        body = text.encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()


class Metadata(Endpoint):
    """The metadata service of an EC2 instance, version 2 only."""

    LIVES = "X-aws-ec2-metadata-token-ttl-seconds"
    PATH = "/latest/meta-data/iam/security-credentials/"

    def do_PUT(self):
        lives = self.headers[self.LIVES]
        known = lives and self.path == "/latest/api/token"
        self.reply(SESSION_TOKEN if known else 400, {self.LIVES: lives} if known else {})

    def do_GET(self):
        if self.headers["X-aws-ec2-metadata-token"] != SESSION_TOKEN:
            self.reply(401)
        elif self.path.startswith(self.PATH) and self.path != self.PATH:
            self.reply(json.dumps(keys("ec2")) if self.path == self.PATH + ROLE else 404)
        else:
            self.reply(ROLE if self.path == self.PATH else 404)


class Agent(Endpoint):
    """The agent of ECS, which has credentials for each task."""

    def do_GET(self):
        self.reply(json.dumps(keys("ecs")) if self.path == RELATIVE_URI else 404)


class Portal(Endpoint):
    """The portal of IAM Identity Center: keys of a role, for the token of a session."""

    asked = []

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        self.asked.append(dict(urllib.parse.parse_qsl(path.query)))
        known = path.path == "/federation/credentials"
        known &= self.headers["x-amz-sso_bearer_token"] == "token-of-sso"
        expires = int(time.time() + 3600) * 1000
        role = {"accessKeyId": KEYS["sso"], "secretAccessKey": "x", "sessionToken": "x"}
        role |= {"expiration": expires}
        self.reply(json.dumps({"roleCredentials": role}) if known else 401)


class Sts(Endpoint):
    """STS, which gives keys for any role."""

    asked = []

    def do_POST(self):
        self.asked.append(dict(urllib.parse.parse_qsl(self.body())))
        answer = irsa.ANSWER.replace("WithWebIdentity", "").replace(irsa.KEY, KEYS["role"])
        self.reply(answer)


class Api(Endpoint):
    """AWS's other APIs, as far as their answers do not matter; it notes what is called."""

    called = []

    def do_POST(self):
        target, body = self.headers["X-Amz-Target"], self.body()
        if target:
            self.called.append((target.rpartition(".")[2], json.loads(body)))
            return self.reply("{}")
        asked = dict(urllib.parse.parse_qsl(body))
        action = asked["Action"]
        self.called.append((action, asked))
        return self.reply(f"<{action}Response><{action}Result/></{action}Response>")


def log_in(folder, session):
    """A program `aws` that logs in as `aws sso login` does after the browser's yes, and hands all
    else on to the AWS CLI."""
    name = hashlib.sha1(session.encode()).hexdigest()
    token = {"accessToken": "token-of-sso", "expiresAt": "2099-01-01T00:00:00Z"}
    token |= {"startUrl": "https://example.awsapps.com/start", "region": "us-east-1"}
    cache = folder / ".aws/sso/cache"
    program = folder / "bin/aws"
    program.parent.mkdir(exist_ok=True)
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1 $2" != "sso login" ]; then PATH=${{PATH#*:}} exec aws "$@"; fi\n'
        f"mkdir -p {cache}\n"
        f"echo '{json.dumps(token)}' >{cache}/{name}.json\n"
    )
    program.chmod(0o755)


def serve_at(address, handler, port=80):
    server = http.server.ThreadingHTTPServer((address, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
