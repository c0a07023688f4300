"""Every route there is, asked by everybody: who may, who may not, and nothing strange brings it down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.routing import Route

from serving.admin.routes import all_routes
from serving.admin.static import Static
from tests.integration.serving.admin.conftest import Library, token

#: Whom each address is for, by the way it is asked; a route that is not named here is nobody's.
FOR = {
    "GET /health": None, "GET /static/{version}/{name}": None, "GET /login": None, "POST /login": None,
    "POST /theme": None, "POST /logout": "viewer", "GET /": "viewer", "GET /datasets": "viewer",
    "GET /datasets/{family}": "viewer", "GET /datasets/{family}/preview": "viewer",
    "GET /datasets/{family}/{stage}": "viewer", "GET /datasets/{family}/{stage}/{period}": "viewer",
    "GET /datasets/{family}/{stage}/{period}/diff": "viewer",
    "GET /datasets/{family}/{stage}/{period}/download": "verifier",
    "GET /datasets/{family}/{stage}/{period}/parts/{number:int}": "verifier", "GET /models": "viewer",
    "GET /models/{family}": "viewer", "GET /models/{family}/compare": "viewer",
    "GET /models/{family}/rollback": "admin", "POST /models/{family}/rollback": "admin",
    "GET /models/{family}/{version}": "viewer", "GET /models/{family}/{version}/promote": "admin",
    "POST /models/{family}/{version}/promote": "admin", "GET /models/{family}/{version}/plots/{name}": "viewer",
    "GET /runs": "viewer", "GET /runs/start/{deployment}": "admin", "POST /runs/start/{deployment}": "admin",
    "GET /runs/{id:uuid}": "viewer", "GET /accounts": "admin", "POST /accounts": "admin",
    "POST /accounts/{name}": "admin", "GET /account": "viewer", "POST /account/password": "viewer",
    "POST /account/sessions": "viewer", "GET /verify": "viewer", "GET /verify/{family}": "viewer",
    "GET /verify/{family}/candidates": "viewer", "GET /verify/{family}/progress": "viewer",
    "POST /verify/{family}/decisions": "verifier", "POST /verify/{family}/bulk": "verifier",
    "POST /verify/{family}/decide": "verifier", "GET /media/photo/{candidate:int}": "viewer",
    "GET /experiments": "viewer", "GET /experiments/{id}": "viewer", "GET /experiments/{id}/live": "viewer",
    "GET /experiments/{id}/off-policy": "viewer", "GET /experiments/_new": "admin",
    "POST /experiments/_new": "admin", "GET /experiments/{id}/edit": "admin",
    "POST /experiments/{id}/edit": "admin", "GET /experiments/{id}/start": "admin",
    "POST /experiments/{id}/start": "admin", "GET /experiments/{id}/pause": "admin",
    "POST /experiments/{id}/pause": "admin", "GET /experiments/{id}/resume": "admin",
    "POST /experiments/{id}/resume": "admin", "GET /experiments/{id}/conclude": "admin",
    "POST /experiments/{id}/conclude": "admin", "GET /recommendation": "viewer",
    "GET /recommendation/trending": "viewer", "GET /recommendation/user": "viewer",
    "GET /recommendation/flags/{name}": "admin", "POST /recommendation/flags/{name}": "admin",
    "GET /models/{family}/rollout": "viewer", "POST /models/{family}/rollout/stop": "admin",
    "GET /models/{family}/{version}/try": "admin", "POST /models/{family}/{version}/try": "admin",
    "GET /monitoring": "viewer", "GET /monitoring/{family}": "viewer",
    "GET /monitoring/{family}/reports/{day}": "viewer", "GET /monitoring/retention": "viewer",
    "GET /moderation": "viewer", "POST /moderation/review": "verifier", "GET /moderation/figures": "viewer",
    "GET /moderation/{decision:uuid}": "viewer", "GET /moderation/content/{content:path}": "viewer",
    "GET /moderation/picture/{decision:uuid}/{number:int}": "viewer",
    "GET /moderation/thumbnail/{job:uuid}/{name}": "viewer",
}  # fmt: skip
ROLES = (None, "viewer", "verifier", "admin")
EXAMPLES = {
    "family": "viral", "stage": "full", "period": "2026-10", "version": "1", "name": "nobody",
    "number:int": "1", "id:uuid": "6f2f3c1e-0000-4000-8000-000000000000", "deployment": "collect-daily",
    "candidate:int": "1", "id": "nobody", "decision:uuid": "6f2f3c1e-0000-4000-8000-000000000000",
    "job:uuid": "6f2f3c1e-0000-4000-8000-000000000000", "content:path": "videos/1", "day": "2026-11-20",
}  # fmt: skip
STRANGE = (
    "\0", "a\0b", "..", "a/../../b", "' or 1=1 --", "<script>alert(1)</script>", "?x=1#y", "0000-01", "9999-12",
    "2026-10.r99999999999999999999", "\ud7ff\U0010ffff", "-1", "9" * 5000, "//evil.example", "٢٠٢٦-١٠",
)  # fmt: skip
QUERY = (
    "next", "from", "month", "v", "deployment", "to", "after", "limit", "focus", "when", "day", "class",
    "reason", "user", "state", "least", "most", "size", "fragment", "window", "kind", "category", "language",
    "region", "label", "decision", "appealed", "clear", "days",
)  # fmt: skip


@pytest.fixture(scope="module")
def admin(library: Library) -> httpx.Client:
    """Logged in once: wrong passwords below make further logins wait."""
    return library.visitor("admin")


def asked() -> Iterator[tuple[str, str]]:
    """(method, path) of every route."""
    for route in all_routes(Static()):
        assert isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, route.path


def filled(path: str) -> str:
    return re.sub(r"{([\w:]+)}", lambda found: EXAMPLES[found[1]], path)


def test_every_route_says_whom_it_is_for() -> None:
    assert {f"{method} {path}" for method, path in asked()} == set(FOR)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_what_is_for_it_and_nothing_else(library: Library, role: str | None) -> None:
    client = library.visitor(role)
    headers = {"accept": "application/json", **({"x-csrf-token": token(client)} if role else {})}
    for method, path in asked():
        if path in ("/login", "/logout"):
            continue
        answer = client.request(method, filled(path), headers=headers)
        wanted = FOR[f"{method} {path}"]
        allowed = wanted is None or (role is not None and ROLES.index(role) >= ROLES.index(wanted))
        refused = 403 if role else 401
        assert (answer.status_code != refused) == allowed, f"{role}: {method} {path} {answer.status_code}"


def test_no_change_is_made_without_the_sessions_token(admin: httpx.Client) -> None:
    for method, path in asked():
        if method == "GET" or FOR[f"{method} {path}"] is None:
            continue
        attempts: list[dict[str, Any]] = [
            {"data": {"csrf": "x"}},
            {"json": {}},
            {"headers": {"x-csrf-token": ""}},
        ]
        for sent in attempts:
            answer = admin.request(method, filled(path), **sent)
            assert answer.status_code == 403, f"{method} {path}"
            assert "Reload it" in answer.text


def test_asking_with_head_does_what_get_does_and_nothing_more(admin: httpx.Client) -> None:
    for method, path in asked():
        if method == "GET":
            get, head = admin.get(filled(path)), admin.head(filled(path))
            assert head.status_code == get.status_code, path


def calls() -> Iterator[str]:
    for method, path in asked():
        if method != "GET":
            continue
        for strange in STRANGE:
            for name in re.findall(r"{([\w:]+)}", path):
                if ":" not in name or name.endswith(":path"):
                    changed = path.replace("{" + name + "}", quote(strange.replace("/", "%2F"), safe=""))
                    yield filled(changed)
            yield f"{filled(path)}?" + "&".join(f"{name}={quote(strange[:200], safe='')}" for name in QUERY)


def test_no_address_however_strange_is_a_fault_of_ours(admin: httpx.Client) -> None:
    faults = []
    for address in calls():
        answer = admin.get(address)
        if answer.status_code == 500:
            faults.append(address[:120])
    assert not faults


BODIES = (
    b"", b"[" * 200_000, b"{}", b'{"decision": "correct", "label": "\\ud800"}', b"\xff\xfe", b"null",
    b'{"decision": "accept", "candidates": [[1e999, 1]]}', b'{"decision": "reject", "candidates": [[1, -1]]}',
    b'{"decision": "reject", "after": "WzEsIlx1ZDgwMCIsMV0"}',
    b'{"decision": "reject", "after": "WzEsIngiLDk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OV0"}',
    b'{"decision": "reject", "after": "W251bGwsIngiLDFd"}', b'{"decision": "reject", "after": {"a": 1}}',
)  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_no_body_however_strange_is_a_fault_of_ours(admin: httpx.Client, kind: str) -> None:
    headers = {"x-csrf-token": token(admin), "content-type": kind}
    faults = []
    for path in (
        "/verify/viral/decisions", "/verify/viral/bulk", "/verify/viral/decide", "/accounts",
        "/experiments/_new", "/recommendation/flags/mlRecommendations", "/moderation/review",
    ):  # fmt: skip
        for body in BODIES:
            answer = admin.post(path, content=body, headers=headers)
            if answer.status_code >= 500:
                faults.append(f"{path} {body[:60]!r}")
    assert not faults


@pytest.mark.parametrize(
    "path",
    [
        "/accounts",
        "/accounts/nobody",
        "/account/password",
        "/models/viral/rollback",
        "/experiments/_new",
        "/recommendation/flags/mlRecommendations",
        "/moderation/review",
    ],
)
def test_no_field_however_strange_is_a_fault_of_ours(admin: httpx.Client, path: str) -> None:
    csrf = token(admin)
    for strange in STRANGE:
        fields = (
            "name", "role", "what", "now", "new", "again", "reason", "to", "force", "id", "title", "traffic",
            "revision", "variants.0.name", "variants.1.name", "variants.1.share", "variants.0.attributes",
            "reward.kind", "policy.kind", "guardrails.0.metric", "planned_decisions", "more", "state",
            "rollout", "moderation", "verdict", "label_holds", "note", "back", "kind",
        )  # fmt: skip
        answer = admin.post(path, data={"csrf": csrf, **dict.fromkeys(fields, strange)})
        assert answer.status_code != 500, strange[:80]


def test_a_login_with_any_text_is_refused_and_no_fault(admin: httpx.Client) -> None:
    with httpx.Client(base_url=str(admin.base_url), trust_env=False) as client:
        for strange in STRANGE:
            answer = client.post("/login", data={"name": strange, "password": strange, "next": strange})
            assert answer.status_code in (400, 401, 429), strange[:80]
