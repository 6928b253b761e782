"""A stand-in for the node's metadata service, which gives no credentials and notes who asks."""

import http.server
import threading


class Metadata(http.server.BaseHTTPRequestHandler):
    asked = []

    def refuse(self):
        self.asked.append(self.path)
        self.send_error(404)

    do_GET = do_PUT = refuse

    def log_message(self, *_):
        pass


def stand_in():
    """Starts it. Returns its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
