"""A stand-in for Cognito Sync on the machines of tests/real/boot, and a configuration for it."""

import http.server
import json
import re

PORT = 10521
POOL = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c1"
IDENTITY = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e1"


class CognitoSync(http.server.BaseHTTPRequestHandler):
    """Answers the two calls that the exporter makes, and notes by whose key they are signed."""

    protocol_version = "HTTP/1.1"
    keys = set()

    def do_GET(self):
        self.keys.update(re.findall(r"Credential=(\w+)/", self.headers["Authorization"] or ""))
        ids = [part.replace("%3A", ":") for part in self.path.split("/")[2::2]]
        usage = {"DataStorage": 1000, "LastModifiedDate": 1.7e9, "IdentityPoolId": ids[0]}
        if len(ids) == 1:
            body = {"IdentityPoolUsage": usage | {"SyncSessionsCount": 1}}
        else:
            body = {"IdentityUsage": usage | {"IdentityId": ids[1], "DatasetCount": 2}}
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class StandIn(http.server.ThreadingHTTPServer):
    """Serves CognitoSync on the port that the configuration names."""

    def __init__(self):
        super().__init__(("127.0.0.1", PORT), CognitoSync)

    def handle_error(self, *_):
        """Nothing: an exporter that is killed leaves its calls."""


def configuration(identities):
    """Two pools, the second one with the keys of a profile in aws-config."""
    listed = ", ".join(f"'{IDENTITY}{number}'" for number in range(identities))
    pool = f"endpoint_url: http://127.0.0.1:{PORT}, identities: [{listed}]"
    return (
        "poll: {interval: 1s, timeout: 3s, attempts: 1, rate_limit: 20}\n"
        f"pools: [{{id: '{POOL}0', {pool}}}, {{id: '{POOL}1', profile: staging, {pool}}}]\n"
    )
