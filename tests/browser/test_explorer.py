"""`symgrad explore`: any formula, on loopback alone; bombs and bad requests leave it answering."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("starlette", reason="needs symgrad[explore]")
pytest.importorskip("uvicorn", reason="needs symgrad[explore]")
pytestmark = pytest.mark.slow

SERVE = """
from symgrad.show.explore_server import serve
first = {"formula": "x*y", "shapes": "", "at": "x=3"}
serve(first, browser=False, seconds=6.0, say=lambda address: print(address, flush=True))
"""
BOMB = "; ".join(
    ["v0 = x + 1", *(f"v{k} = sin(v{k - 1})*v{k - 1}**v{k - 1}" for k in range(1, 1200))]
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(20)
    process.stdout.close()
    process.stderr.close()


def request(
    address: str,
    body: bytes | None = None,
    *,
    path: str = "",
    headers: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Ask, with the headers of the page itself unless others are given."""
    url = urlsplit(address)
    made = http.client.HTTPConnection("127.0.0.1", url.port or 0, timeout=60)
    own = {"Origin": f"http://127.0.0.1:{url.port}", "Content-Type": "application/json"}
    sent = {k: v for k, v in (own | (headers or {})).items() if v}
    try:
        made.request("GET" if body is None else "POST", path or url.path, body, sent)
        answer = made.getresponse()
        return answer.status, answer.read().decode()
    finally:
        made.close()


def derive(
    address: str, formula: str, shapes: str = "", at: str = "", **more: Any
) -> tuple[int, str]:
    body = json.dumps({"formula": formula, "shapes": shapes, "at": at}).encode()
    return request(address, body, path=urlsplit(address).path + "derive", **more)


# --- who is answered ---


def test_it_listens_on_loopback_behind_a_token(address: str) -> None:
    url = urlsplit(address)

    assert url.hostname == "127.0.0.1"
    assert re.fullmatch(r"/[\w-]{32}/", url.path)
    assert request(address)[0] == 200
    assert request(address, path="/")[0] == 404
    assert request(address, path=f"/{'A' * 32}/")[0] == 404
    assert request(address, path=url.path + "../../etc/passwd")[0] == 404


def test_other_hosts_and_other_origins_are_refused(address: str) -> None:
    port = urlsplit(address).port

    assert request(address, headers={"Host": "evil.example"})[0] == 421
    assert derive(address, "x", headers={"Host": f"evil.example:{port}"})[0] == 421
    assert derive(address, "x", headers={"Origin": "http://evil.example"})[0] == 403
    assert derive(address, "x", headers={"Origin": "null"})[0] == 403
    assert derive(address, "x", headers={"Origin": ""})[0] == 403


# --- what is answered ---


def test_formulas_are_derived_and_mistakes_are_explained(address: str) -> None:
    status, text = derive(address, "q = x + y; f = q*z", at="x=-2, y=5, z=-4")
    gates = {g["label"]: g for g in json.loads(text)["gates"]}
    wrong, said = derive(address, "x + * y")

    assert (status, gates["f"]["value"], gates["x"]["grad"]) == (200, -12, -4)
    assert wrong == 422
    assert "line 1, column 5" in json.loads(said)["error"]


def test_matrices_have_shapes_and_numbers_to_begin_with(address: str) -> None:
    status, text = derive(address, "sum((W@x) .* (W@x))", shapes="W=2,3 x=3")

    assert status == 200
    assert [g["shape"] for g in json.loads(text)["gates"]][:2] == [[2, 3], [3]]


BAD = [b"", b"{", b"[]", b"null", b'{"formula": 1}', b"\xff\xfe", b"[" * 50_000]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_malformed_requests_are_told_so(address: str, body: bytes) -> None:
    assert request(address, body, path=urlsplit(address).path + "derive")[0] == 400


def test_ten_megabytes_are_not_read(address: str) -> None:
    place = urlsplit(address).path + "derive"
    large = b'{"formula": "' + b"x" * 10_000_000 + b'"}'
    try:
        status = request(address, large, path=place)[0]
    except (ConnectionError, http.client.HTTPException):
        status = 413  # the server hung up while it was still being written to

    assert status == 413
    assert derive(address, "x*y")[0] == 200


def test_a_bomb_is_given_up_and_the_next_formula_is_derived(address: str) -> None:
    started = time.monotonic()
    status, _ = derive(address, BOMB, at="x=0.5")
    spent = time.monotonic() - started
    again = derive(address, "x*y")

    assert status in (200, 422)
    assert spent < 30
    assert again[0] == 200


def test_what_takes_too_long_is_killed_and_said(address: str) -> None:
    status, _ = derive(address, "Sum(sin(k*x)*cos(k**2*x), (k, 1, 400000000))")
    again = derive(address, "x*y")

    assert status == 422
    assert again[0] == 200


def test_fifty_at_once_leave_it_answering(address: str) -> None:
    found: list[int] = []
    askers = [
        threading.Thread(target=lambda: found.append(derive(address, "sin(x)*y")[0]))
        for _ in range(50)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)

    assert len(found) == 50
    assert set(found) <= {200, 503}
    assert found.count(200) >= 16
    assert derive(address, "x*y")[0] == 200


# --- in the browser ---


def test_a_person_types_a_formula_and_sees_its_page(address: str, tab: Any) -> None:
    one = tab()
    one.page.goto(address)
    one.page.wait_for_selector("svg.graph")
    first = one.page.locator(".box").count()
    one.page.fill("#explore-formula", "h = tanh(W@x); f = sum(h .* h)")
    one.page.fill("#explore-shapes", "W=2,2 x=2")
    one.page.fill("#explore-at", "x=[0.5,-1]")
    one.page.click("text=Derive")
    one.page.wait_for_selector('[aria-label="W[0, 1]"]')
    one.page.click('[data-do="next"]')

    assert first == 3
    assert one.page.inner_text(".caption").startswith("Start")
    assert {urlsplit(url).hostname for url in one.asked} == {"127.0.0.1"}


def test_a_mistake_is_explained_beside_the_box_and_the_old_page_stays(
    address: str, tab: Any
) -> None:
    one = tab()
    one.page.goto(address)
    one.page.wait_for_selector("svg.graph")
    one.page.fill("#explore-formula", "sin(x")
    one.page.keyboard.press("Enter")
    one.page.wait_for_selector(".status.error")
    one.noise.clear()  # the browser notes the answer 422

    assert "line 1" in one.page.inner_text(".status")
    assert one.page.locator(".box").count() == 3


def test_the_explorer_has_no_serious_fault(address: str, tab: Any, axe: str) -> None:
    one = tab()
    one.page.goto(address)
    one.page.wait_for_selector("svg.graph")
    one.page.evaluate(axe)
    found = one.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")

    assert [] == [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")]
