"""Between a client and a PostgreSQL server: passes bytes on, and cuts the connection at COMMIT."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

_SOCKET = ".s.PGSQL.5432"
_COMMIT = b"COMMIT"

Cut = Literal["before", "after", "after, for good"]
"""Before the server hears of the COMMIT; after it has answered, unheard; the same, and whoever
connects again is turned away."""


@contextmanager
def cut_at_commit(server: Path, folder: Path, cut: Cut) -> Iterator[Path]:
    """The folder of a socket that stands for that of a server's folder; it cuts once."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / _SOCKET))
    listening.listen()
    is_cut = threading.Event()

    def pass_on(client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as upstream:
            upstream.connect(str(server / _SOCKET))
            back = threading.Thread(target=_answers, args=(upstream, client, is_cut))
            back.start()
            while data := client.recv(65536):
                if _COMMIT in data and not is_cut.is_set():
                    is_cut.set()
                    if cut != "before":
                        upstream.sendall(data)
                        back.join()
                    break
                upstream.sendall(data)
            upstream.shutdown(socket.SHUT_RDWR)
            back.join()

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            if is_cut.is_set() and cut == "after, for good":
                client.close()
            else:
                threading.Thread(target=pass_on, args=(client,), daemon=True).start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield folder
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join()


def _answers(upstream: socket.socket, client: socket.socket, is_cut: threading.Event) -> None:
    """Pass a server's answers on; the first one after the cut is kept back, and is the last."""
    cut_before = is_cut.is_set()
    while data := upstream.recv(65536):
        if is_cut.is_set() and not cut_before:
            return
        client.sendall(data)
