"""The process behind `defection ui`: MLflow's own application, which takes no artifacts here.

What a reviewer reads of a run is what the run wrote; MLflow lets any process of the machine that
reaches the port replace it. Reading, tags and aliases stay as they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pipeline.streams import standard_streams

HOST = "127.0.0.1"
ADDRESS_VARIABLE = "MLFLOW_BACKEND_STORE_URI"
"""Of the environment: the store's address, which may hold a password."""

_READING = ("GET", "HEAD", "OPTIONS")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class TakesNoArtifacts:
    """An ASGI application that refuses whatever would write or remove an artifact."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks."""
        if (
            scope["type"] != "http"
            or scope["method"] in _READING
            or "artifact" not in scope["path"].lower()
        ):
            await self._application(scope, receive, send)
            return
        body = b'{"error_code": "PERMISSION_DENIED", "message": "This server takes no artifacts."}'
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 403, "headers": head})
        await send({"type": "http.response.body", "body": body})


def main(artifacts: str, port: int) -> None:
    """Serve the store that the environment names, at a port of this machine; never returns.

    artifacts: where those of new experiments would lie, as an address.
    """
    import uvicorn
    from mlflow.server.constants import (
        ARTIFACT_ROOT_ENV_VAR,
        BACKEND_STORE_URI_ENV_VAR,
        REGISTRY_STORE_URI_ENV_VAR,
    )
    from mlflow.server.fastapi_app import app

    address = os.environ[ADDRESS_VARIABLE]
    os.environ |= {
        BACKEND_STORE_URI_ENV_VAR: address,
        REGISTRY_STORE_URI_ENV_VAR: address,
        ARTIFACT_ROOT_ENV_VAR: artifacts,
    }
    uvicorn.run(TakesNoArtifacts(app), host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    with standard_streams():
        main(sys.argv[1], int(sys.argv[2]))
