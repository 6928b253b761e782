"""A real Prometheus that knows a past which no exporter has shown: blocks of its storage, made of
text, and what queries cost it."""

import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
# Of promtool, in seconds.
BLOCK = 2 * 3_600


def blocks(file, directory):
    """Makes blocks of a file of OpenMetrics whose samples have times."""
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    command += ["--max-block-duration=1000h", file, directory]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Prometheus:
    """On the storage in a directory, where it scrapes nothing. With rules, it is asked what they
    would have recorded, and knows that from then on."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.start()

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        config = self.directory / "prometheus.yml"
        config.write_text("{}\n")
        command = ["prometheus", f"--config.file={config}"]
        command += [f"--storage.tsdb.path={self.directory}/data"]
        command += ["--storage.tsdb.retention.time=90d"]
        command += [f"--web.listen-address={self.url.removeprefix('http://')}"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError) as error:
                assert self.process.poll() is None, error
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def record(self, rules, start, end, every):
        """Adds what the recording rules of a file would have recorded meanwhile."""
        # Of a group that is not evaluated before the end of the first block, promtool 2.42 records
        # nothing afterwards either. So the first block has a command of its own.
        next_block = start - start % BLOCK + BLOCK
        for begin, stop in [(start, min(end, next_block - 1)), (next_block, end)]:
            # promtool refuses a time without a duration.
            if begin >= stop:
                continue
            command = ["promtool", "tsdb", "create-blocks-from", "rules", f"--url={self.url}"]
            command += [f"--start={begin}", f"--end={stop}", f"--eval-interval={every}"]
            command += [f"--output-dir={self.directory}/data", rules]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        self.__exit__()
        self.start()

    def ask(self, path, **parameters):
        """The result of a query, or the text of its error; and the bytes of the answer."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=120) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            return error.read().decode(), 0
        return json.loads(body)["data"], len(body)

    def processor_time(self):
        """That the process has taken, in seconds."""
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / TICKS
