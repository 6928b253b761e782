"""Stops exporters at random times among clients of all kinds: stops.py STOPS COMMAND [ARGUMENT...]

Prints as JSON the exit codes and the longest that an end took.
"""

import collections
import concurrent.futures
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time

HEAD = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
# What a client sends: nothing, a part of a request, a whole one whose answer it does not read.
KINDS = [b"", HEAD[:10], HEAD[:-2], HEAD, HEAD * 3]


def stop(seed):
    chance = random.Random(seed)
    child = subprocess.Popen(
        [*sys.argv[2:], "--web.listen-address=127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    )
    address = None
    while address is None:
        line = child.stderr.readline()
        if not line:
            raise AssertionError(f"it ended with {child.wait()} before it listened")
        if match := re.search(r"msg=listening address=127.0.0.1:(\d+)", line):
            address = ("127.0.0.1", int(match[1]))
    clients = []
    until = time.monotonic() + chance.random()
    while time.monotonic() < until:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(address)
        client.sendall(chance.choice(KINDS))
        clients.append(client)
        time.sleep(chance.random() / 20)
    began = time.monotonic()
    child.send_signal(chance.choice([signal.SIGTERM, signal.SIGINT]))
    try:
        # The unit's TimeoutStopSec=, after which systemd kills.
        child.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
    code = child.returncode
    took = time.monotonic() - began
    for client in clients:
        client.close()
    return code, took, len(clients)


def main():
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        stops = list(pool.map(stop, range(int(sys.argv[1]))))
    codes = collections.Counter(str(code) for code, _, _ in stops)
    json.dump(
        {
            "codes": codes,
            "longest": max(took for _, took, _ in stops),
            "clients": sum(clients for _, _, clients in stops),
        },
        sys.stdout,
    )


main()
