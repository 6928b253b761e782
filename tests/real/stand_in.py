"""A stand-in for Cognito Sync on loopback, a configuration for it, and a name server."""

import asyncio
import contextlib
import http.server
import json
import re
import socket
import threading
import urllib.parse
import zlib

PORT = 10521
POOL = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c1"
IDENTITY = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e1"
OPERATIONS = re.compile(r"/identitypools/([^/]+)(?:/identities/([^/]+)(/datasets)?)?")


def configuration(identities):
    """Two pools of so many identities, the second one with the keys of a profile in aws-config."""
    listed = ", ".join(f"'{IDENTITY}{number}'" for number in range(identities))
    pool = f"endpoint_url: http://127.0.0.1:{PORT}, identities: [{listed}]"
    return (
        "poll: {interval: 3s, timeout: 3s, attempts: 1, rate_limit: 20}\n"
        f"pools: [{{id: '{POOL}0', {pool}}}, {{id: '{POOL}1', profile: staging, {pool}}}]\n"
    )


def usage(identity):
    """What an identity uses, always the same."""
    seed = zlib.crc32(identity.encode())
    return {"datasets": 1 + seed % 3, "storage": seed % 600_000, "modified": 1.7e9 + seed % 5e7}


def answer(path):
    """The body of the answer to a call."""
    pool, identity, listed = OPERATIONS.match(urllib.parse.unquote(path)).groups()
    has = usage(identity or pool)
    told = {"DataStorage": has["storage"], "LastModifiedDate": has["modified"]}
    if identity is None:
        body = {"IdentityPoolUsage": told | {"IdentityPoolId": pool, "SyncSessionsCount": 1}}
    elif listed is None:
        told |= {"IdentityPoolId": pool, "IdentityId": identity, "DatasetCount": has["datasets"]}
        body = {"IdentityUsage": told}
    else:
        each = {"CreationDate": 1.6e9, "IdentityId": identity, "NumRecords": 10}
        each |= told | {"DataStorage": has["storage"] // has["datasets"]}
        names = [f"dataset-{number}" for number in range(has["datasets"])]
        datasets = [each | {"DatasetName": name} for name in names]
        body = {"Count": len(datasets), "Datasets": datasets, "NextToken": None}
    return json.dumps(body).encode()


class CognitoSync:
    """Answers calls on a port, over TLS if a context is given, from a thread of its own. It notes
    by whose keys calls are signed, and by which names it is called."""

    def __init__(self, port=PORT, tls=None):
        self.keys, self.hosts = set(), set()
        self.port, self.tls = port, tls
        self.listens = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.listens.wait(30), f"the stand-in does not listen on port {port}"

    def run(self):
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self.serve())

    def stop(self):
        """Ends all connections, and listens no more."""
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.thread.join()

    async def serve(self):
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        server = await asyncio.start_server(self.connection, "127.0.0.1", self.port, ssl=self.tls)
        self.listens.set()
        await server.serve_forever()

    async def connection(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.keys.update(re.findall(r"Credential=(\w+)/", head))
                self.hosts.update(re.findall(r"(?i)\r\nhost: ([\w.]+)", head))
                body = answer(head.split(" ")[1])
                length = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(length.encode() + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            # The exporter has closed it.
            writer.close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of other services, and logs nothing."""

    def log_message(self, *_):
        pass


def serve(handler):
    """Answers requests from a thread of its own. Returns the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class NameServer:
    """Says over UDP that every name has the address 127.0.0.1, and notes the names."""

    def __init__(self):
        self.asked = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(512)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode())
                at += 1 + query[at]
            self.asked.add(".".join(labels))
            question = query[12 : at + 5]
            is_address = question[-4:-2] == b"\0\1"
            found = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if is_address else b""
            counts = b"\0\1" + bytes([0, is_address]) + b"\0\0\0\0"
            self.socket.sendto(query[:2] + b"\x81\x80" + counts + question + found, client)
