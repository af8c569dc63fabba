"""`symgrad explore`: the page on this machine's loopback, with a box for any formula.

Two addresses exist, both behind a token: the page, and the place to which a formula is sent. The
server reads the template of the package and nothing else, and writes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import webbrowser
from collections.abc import AsyncIterator, Callable
from typing import Any

from symgrad.errors import UnsupportedError
from symgrad.show.explore_process import SECONDS, Worker
from symgrad.show.page_file import as_json, filled

LOOPBACK = "127.0.0.1"
LARGEST = 64 << 10  # bytes of a request
PATIENCE = 10.0  # seconds in which a request must have arrived
MISSING = "`symgrad explore` needs a web server; install it with `pip install symgrad[explore]`"
QUIET: dict[str, Any] = {
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "timeout_keep_alive": 5,
    "limit_concurrency": 200,
}
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def page_of(first: dict[str, str], token: str) -> str:
    """Return the page with the box; it may talk to where it came from and nowhere else."""
    content = as_json({"address": f"/{token}/derive", "first": first})
    made = filled("explore", "symgrad explore", content)
    return made.replace("connect-src 'none'", "connect-src 'self'", 1)


def application(
    first: dict[str, str], token: str, hosts: frozenset[str], *, seconds: float = SECONDS
) -> Any:
    """Return the ASGI application, for those `hosts` and that `token` alone."""
    try:
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import HTMLResponse, JSONResponse, Response
        from starlette.routing import Route
    except ImportError as error:
        raise UnsupportedError(MISSING) from error
    worker, shown = Worker(seconds=seconds), page_of(first, token)

    def refused(request: Request) -> Response | None:
        given = str(request.path_params.get("token", ""))
        if request.headers.get("host") not in hosts:
            return JSONResponse({"error": "this host is not served"}, 421, HEADERS)
        if not secrets.compare_digest(given.encode(), token.encode()):
            return JSONResponse({"error": "no such page"}, 404, HEADERS)
        origin = request.headers.get("origin")
        if request.method == "POST" and origin not in {f"http://{host}" for host in hosts}:
            return JSONResponse({"error": "only the page itself may ask"}, 403, HEADERS)
        return None

    async def page(request: Request) -> Response:
        return refused(request) or HTMLResponse(shown, headers=HEADERS)

    async def derive(request: Request) -> Response:
        status, found = 200, refused(request)
        if found is not None:
            return found
        status, answered = await _derived(worker, request)
        if "record" in answered:
            return Response(answered["record"], 200, HEADERS, "text/plain")
        return JSONResponse(answered, status, HEADERS)

    routes = [
        Route("/{token}/", page, methods=["GET"]),
        Route("/{token}/derive", derive, methods=["POST"]),
    ]
    app = Starlette(routes=routes, lifespan=_lifespan(worker))
    app.router.redirect_slashes = False
    return app


def _lifespan(worker: Worker) -> Callable[[Any], Any]:
    """Return what starts the worker with the server and ends it with it."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        starting = asyncio.create_task(worker.start())
        try:
            yield
        finally:
            starting.cancel()
            await worker.stop()

    return lifespan


async def _derived(worker: Worker, request: Any) -> tuple[int, dict[str, Any]]:
    """Return a status and an answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            body = await _body(request)
    except TimeoutError:
        return 408, {"error": "the request did not arrive in time"}
    if body is None:
        return 413, {"error": f"a request has at most {LARGEST} bytes"}
    try:
        asked = json.loads(body)
        message = {k: str(asked[k]) for k in ("formula", "shapes", "at")}
    except (ValueError, KeyError, TypeError, RecursionError):
        return 400, {"error": "a request is JSON with `formula`, `shapes` and `at`"}
    try:
        answered = await worker.ask(message)
    except BlockingIOError:
        return 503, {"error": "too many formulas at once; try again"}
    return (200 if "record" in answered else 422), answered


async def _body(request: Any) -> bytes | None:
    """Return the body of a request, or None where it is too large; no more than that is read."""
    if not request.headers.get("content-length", "0").isdecimal():
        return None
    if int(request.headers.get("content-length", "0")) > LARGEST:
        return None
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > LARGEST:
            return None
    return bytes(found)


def _listener(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.bind((LOOPBACK, port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise UnsupportedError(f"port {port} cannot be had: {error.strerror}") from error
    return found


def serve(
    first: dict[str, str],
    *,
    port: int = 0,
    browser: bool = True,
    say: Callable[[str], None] = print,
    seconds: float = SECONDS,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    first : dict
        The `formula`, `shapes` and `at` that the box begins with.
    port : int
        Where; 0 takes a free one.
    browser : bool
        Whether a browser is opened.
    say : callable
        Is given the address.
    seconds : float
        How long one derivation may take.

    Raises
    ------
    UnsupportedError
        If the server is not installed, or the port is taken.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise UnsupportedError(MISSING) from error
    listener = _listener(port)
    port = listener.getsockname()[1]
    token = secrets.token_urlsafe(24)
    hosts = frozenset(f"{name}:{port}" for name in (LOOPBACK, "localhost"))
    config = uvicorn.Config(application(first, token, hosts, seconds=seconds), **QUIET)
    address = f"http://{LOOPBACK}:{port}/{token}/"
    say(address)
    if browser:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
