"""Crowds an exporter that may open few files: crowd.py FILES CLIENTS SECONDS COMMAND [ARGUMENT...]

Prints as JSON how many polls ended before, during and after, how many failed, and what share of
one processor it took meanwhile.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request


def main():
    files, clients, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    limited = [
        "sh",
        "-c",
        f'ulimit -n {files}; exec "$@"',
        "sh",
        *sys.argv[4:],
        "--web.listen-address=127.0.0.1:0",
    ]
    child = subprocess.Popen(limited, stderr=subprocess.PIPE, text=True)
    address = None
    while address is None:
        if match := re.search(r"msg=listening address=(127.0.0.1):(\d+)", child.stderr.readline()):
            address = (match[1], int(match[2]))

    def samples():
        with urllib.request.urlopen(
            f"http://{address[0]}:{address[1]}/metrics", timeout=30
        ) as answer:
            lines = [
                line.split(" ")
                for line in answer.read().decode().splitlines()
                if not line.startswith("#")
            ]
        found = {line[0]: float(line[1]) for line in lines if len(line) == 2}
        unreachable = found['cognitosync_exporter_poll_failures_total{reason="unreachable"}']
        return {
            "polls": found["cognitosync_exporter_polls_total"],
            "unreachable": unreachable,
            "connections": found["cognitosync_exporter_web_connections"],
            "files": found["process_open_fds"],
        }

    def processor_seconds():
        with open(f"/proc/{child.pid}/stat", encoding="ascii") as stat:
            user, system = stat.read().rpartition(") ")[2].split(" ")[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    time.sleep(seconds)
    before = samples()
    crowd = []
    for number in range(clients):
        client = socket.create_connection(address, timeout=10)
        client.sendall(b"GET / HTTP/1.1\r\nHo" if number % 2 else b"")
        crowd.append(client)
    arrived = samples()
    began, spent = time.monotonic(), processor_seconds()
    time.sleep(seconds)
    share = (processor_seconds() - spent) / (time.monotonic() - began)
    during = samples()
    for client in crowd:
        client.close()
    began = time.monotonic()
    after = samples()
    recovery = time.monotonic() - began
    child.send_signal(signal.SIGTERM)
    code = child.wait()
    json.dump(
        {
            "before": before,
            "arrived": arrived,
            "during": during,
            "after": after,
            "cpu_share": share,
            "recovery": recovery,
            "code": code,
        },
        sys.stdout,
    )


main()
