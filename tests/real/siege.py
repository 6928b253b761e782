"""Besieges an exporter with as many clients as CROWD says: siege.py ADDRESS LOGIN SECONDS

All ask at once: some drip a request's head by the byte, some read an answer by the byte unless they
are turned away, some log in with wrong passwords. Prints as JSON what became of them SECONDS after
the last reader was answered or turned away.
"""

import asyncio
import base64
import collections
import json
import random
import socket
import sys
import time

TCP_TIME_WAIT = 6
TCP_CLOSE = 7
TURNED_AWAY = b"HTTP/1.1 503"
CROWD = {"drips": 1_000, "readers": 200, "logins_a_second": 100}


def basic(login):
    return b"Authorization: Basic " + base64.b64encode(login.encode()) + b"\r\n"


async def connect(host, port, buffer=None, own=None):
    client = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    client.setblocking(False)
    if own:
        client.bind((own, 0))
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    await asyncio.get_running_loop().sock_connect(client, (host, port))
    return client


def clients_of(port):
    """The ports of the clients whom the system still serves at this port, if only with the rest of
    what it holds. A client may learn of a reset long after it."""
    clients = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as rows:
            next(rows)
            for row in rows:
                own, other, state = row.split()[1:4]
                if int(own.split(":")[1], 16) == port and int(state, 16) != TCP_TIME_WAIT:
                    clients.add(int(other.split(":")[1], 16))
    return clients


async def drip(host, port, lives):
    loop, began = asyncio.get_running_loop(), time.monotonic()
    client = await connect(host, port)
    head = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Drip: " + b"x" * 10_000
    try:
        for byte in head:
            await loop.sock_sendall(client, bytes([byte]))
            try:
                if not await asyncio.wait_for(loop.sock_recv(client, 1), 1):
                    break
            except TimeoutError:
                pass
    except OSError:
        pass
    finally:
        client.close()
        lives.append(time.monotonic() - began)


async def read_slowly(host, port, login, lives, clients, turned_away, answered):
    loop, began = asyncio.get_running_loop(), time.monotonic()
    # From another address than Prometheus, since they would share its part of the places.
    client = await connect(host, port, 4_096, "127.0.0.2")
    clients.add(client)
    try:
        await loop.sock_sendall(
            client, b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + basic(login) + b"\r\n"
        )
        # What has come can still be read after a reset, so that reading does not tell.
        status = b""
        while client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != TCP_CLOSE:
            if len(status) < len(TURNED_AWAY):
                byte = await loop.sock_recv(client, 1)
                status += byte
                answered.set()
                # There is no place, or its connection made way before it was answered.
                if status == TURNED_AWAY or not byte:
                    turned_away.append(client)
                    clients.remove(client)
                    client.close()
                    return
            else:
                await loop.sock_recv(client, 1)
                await asyncio.sleep(1)
    except OSError:
        pass
    answered.set()
    clients.remove(client)
    client.close()
    lives.append(time.monotonic() - began)


async def log_in(host, port, login, statuses):
    loop = asyncio.get_running_loop()
    try:
        client = await connect(host, port)
        await loop.sock_sendall(
            client, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + basic(login) + b"\r\n"
        )
        answer = await asyncio.wait_for(loop.sock_recv(client, 4_096), 90)
        statuses[answer.split(b" ")[1].decode() if answer else "closed"] += 1
        client.close()
    except (TimeoutError, OSError) as error:
        statuses[type(error).__name__] += 1


async def main():
    address, login, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    host, port = address.rsplit(":", 1)
    host, port = host.strip("[]"), int(port)
    user = login.split(":")[0]
    drips, readers, turned_away, tasks = [], [], [], []
    reading = set()
    answered = [asyncio.Event() for _ in range(CROWD["readers"])]
    statuses = collections.Counter()
    # The readers first: what follows would take their places before they have asked.
    tasks += [
        asyncio.create_task(read_slowly(host, port, login, readers, reading, turned_away, event))
        for event in answered
    ]
    async with asyncio.timeout(60):
        for event in answered:
            await event.wait()
    began = time.monotonic()
    tasks += [asyncio.create_task(drip(host, port, drips)) for _ in range(CROWD["drips"])]
    logins = 0
    while time.monotonic() - began < seconds:
        while logins < (time.monotonic() - began) * CROWD["logins_a_second"]:
            wrong = f"{random.choice([user, 'nobody'])}:{random.random()}"
            tasks.append(asyncio.create_task(log_in(host, port, wrong, statuses)))
            logins += 1
        await asyncio.sleep(0.01)
    served = clients_of(port)
    still = {
        "drips": CROWD["drips"] - len(drips),
        "readers": sum(client.getsockname()[1] in served for client in reading),
    }
    for task in tasks:
        task.cancel()
    json.dump(
        {
            "still_there": still,
            "longest": {"drips": max(drips), "readers": max(readers)},
            "shortest_reader": min(readers),
            "unaware_readers": len(reading) - still["readers"],
            "turned_away": len(turned_away),
            "logins": logins,
            "statuses": statuses,
        },
        sys.stdout,
    )


asyncio.run(main())
