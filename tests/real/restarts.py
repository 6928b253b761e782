"""Restarts an exporter under socket activation: restarts.py RESTARTS COMMAND [ARGUMENT...]

Does what systemd does: holds the listening socket, passes it as descriptor 3, waits for READY=1,
sends SIGTERM; clients connect without pause meanwhile. Prints as JSON what became of them.
"""

import collections
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading


def ask(address, outcomes, errors, done):
    while not done.is_set():
        try:
            with socket.create_connection(address, timeout=30) as client:
                client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = b""
                while chunk := client.recv(4_096):
                    answer += chunk
            is_whole = answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"healthy\n")
            outcomes["whole" if is_whole else "cut off"] += 1
            if not is_whole:
                errors.append(repr(answer))
        except ConnectionRefusedError:
            outcomes["refused"] += 1
        except OSError as error:
            outcomes["cut off"] += 1
            errors.append(repr(error))


def main():
    restarts, command = int(sys.argv[1]), sys.argv[2:]
    listening = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    directory = tempfile.TemporaryDirectory()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(os.path.join(directory.name, "notify"))
    manager.settimeout(60)
    outcomes, errors, done, codes = (
        collections.Counter(),
        [],
        threading.Event(),
        collections.Counter(),
    )

    def start():
        # The process id is not known before there is a process, and exec keeps it.
        script = f'LISTEN_PID=$$ exec "$@" 3<&{listening.fileno()}'
        shell = ["sh", "-c", script, "sh", *command]
        environment = dict(os.environ, LISTEN_FDS="1", NOTIFY_SOCKET=manager.getsockname())
        child = subprocess.Popen(
            shell, env=environment, pass_fds=[listening.fileno()], stderr=subprocess.DEVNULL
        )
        while b"READY=1" not in manager.recv(4_096):
            pass
        return child

    child = start()
    clients = [
        threading.Thread(target=ask, args=(listening.getsockname(), outcomes, errors, done))
        for _ in range(4)
    ]
    for client in clients:
        client.start()
    for _ in range(restarts):
        child.send_signal(signal.SIGTERM)
        codes[child.wait()] += 1
        child = start()
    done.set()
    for client in clients:
        client.join()
    child.send_signal(signal.SIGTERM)
    codes[child.wait()] += 1
    json.dump({"outcomes": outcomes, "codes": codes, "errors": errors[:3]}, sys.stdout)


main()
