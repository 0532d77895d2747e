"""A web server on this machine, and progress that is written down."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Folder(SimpleHTTPRequestHandler):
    """Serves a folder."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class CutShort(BaseHTTPRequestHandler):
    """Promises ten thousand bytes and hangs up after a hundred."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10000")
        self.end_headers()
        self.wfile.write(bytes(100))

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class Endless(CutShort):
    """Sends as much as anybody takes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass


@contextmanager
def serving(handler: Any) -> Iterator[str]:
    """The address of a server with this handler."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def serving_folder(folder: Path) -> Any:
    return serving(partial(Folder, directory=str(folder)))


class Told:
    """Progress as it was told."""

    def __init__(self, interrupt: bool = False) -> None:
        self.begun: list[str] = []
        self.last = (0, 0)
        self._interrupt = interrupt

    def begin(self, what: str) -> None:
        self.begun.append(what)

    def at(self, n_bytes: int, total: int) -> None:
        self.last = (n_bytes, total)
        if self._interrupt:
            raise KeyboardInterrupt
