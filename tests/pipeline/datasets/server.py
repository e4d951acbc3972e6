"""A local web server that gives files, and gives them wrongly on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
PAGE = (
    b"\n<!DOCTYPE html>\n<html><title>Log in</title><body>" + b"please " * 500 + b"</body></html>"
)


class Mirror:
    """Serves a folder; `answers` replaces how a file, by name, is given."""

    def __init__(self, folder: Path, address: str, stop: threading.Event) -> None:
        self.folder, self.address, self.stop = folder, address, stop
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []


@contextmanager
def mirror(folder: Path) -> Iterator[Mirror]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            served.asked.append(name)
            self.close_connection = True
            answer = served.answers.get(name)
            path = folder / name
            if answer is not None:
                answer(self, path.read_bytes())
            elif path.is_file():
                whole(self, path.read_bytes())
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that hangs up early is what these tests are about

    server = Server(("127.0.0.1", 0), Handler)
    stop = threading.Event()
    served = Mirror(folder, f"http://127.0.0.1:{server.server_port}/set", stop)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def whole(handler: BaseHTTPRequestHandler, content: bytes, length: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/octet-stream")
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def broken_off(at: int) -> Answer:
    """The connection closes before all that was promised came."""
    return lambda handler, content: whole(handler, content[:at], len(content))


def cut_short(at: int) -> Answer:
    """The server itself has only a part."""
    return lambda handler, content: whole(handler, content[:at])


def flipped(at: int) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        spoilt = bytearray(content)
        spoilt[at] ^= 1 << (at % 8)
        whole(handler, bytes(spoilt))

    return answer


def page(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    del content
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.send_header("Content-Length", str(len(PAGE)))
    handler.end_headers()
    handler.wfile.write(PAGE)


def status(code: int) -> Answer:
    return lambda handler, content: handler.send_error(code)


def redirected(to: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        del content
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def without_length(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(content)


def chunked(handler: BaseHTTPRequestHandler, content: bytes, *, finished: bool = True) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for start in range(0, len(content), 1000):
        piece = content[start : start + 1000]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    if finished:
        handler.wfile.write(b"0\r\n\r\n")


def chunked_unfinished(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    chunked(handler, content[: len(content) // 2], finished=False)


def endless(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(content)


def stalled(served: Mirror) -> Answer:
    """A few bytes come, and then none."""

    def answer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:100])
        served.stop.wait(60)

    return answer


def silent(served: Mirror) -> Answer:
    """The server takes the request and never answers."""
    return lambda handler, content: served.stop.wait(60) and None


def trickled(served: Mirror) -> Answer:
    """Bytes keep coming, too few to get anywhere."""

    def answer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for start in range(len(content)):
            handler.wfile.write(content[start : start + 1])
            if served.stop.wait(0.05):
                return

    return answer
