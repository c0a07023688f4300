"""Logging in, roles and accounts of the admin pages over HTTP, on a real database."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
from sqlalchemy import Engine, text

from config.settings import Settings
from storage.accounts import create_account, list_accounts, set_disabled, set_password
from storage.database import transaction
from storage.login_attempts import FREE_BY_ADDRESS, FREE_BY_NAME
from tests.integration.serving.admin.conftest import PASSWORD, Visitor, token
from tests.verify_world import served

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_stranger_is_asked_to_log_in_and_led_back(visitor: Visitor, url: str) -> None:
    stranger = visitor()
    answer = stranger.get("/datasets/viral?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/datasets/viral%3Fx%3D1"
    assert "nobody has an account yet" in stranger.get("/login").text
    assert httpx.get(f"{url}/datasets", headers={"accept": "application/json"}).status_code == 401


def test_a_login_sets_a_cookie_that_scripts_and_other_sites_cannot_use(
    visitor: Visitor, engine: Engine
) -> None:
    create_account(engine, name="ana", role="viewer", password=PASSWORD, at=AT)
    client = visitor()
    answer = client.post("/login", data={"name": "Ana", "password": PASSWORD, "next": "/models"})
    assert answer.headers["location"] == "/models"
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    first = client.cookies["assay_admin"]
    client.post("/login", data={"name": "ana", "password": PASSWORD})
    assert client.cookies["assay_admin"] != first, "each login has a token of its own"
    assert client.get("/", headers={"cookie": f"assay_admin={first}"}).status_code == 303, "the old one ended"


def test_wrong_passwords_and_unknown_names_look_the_same_and_then_wait(
    visitor: Visitor, engine: Engine
) -> None:
    create_account(engine, name="ana", role="viewer", password=PASSWORD, at=AT)
    client = visitor()
    known, unknown = (client.post("/login", data={"name": name, "password": "x"}) for name in ("ana", "eve"))
    assert known.status_code == unknown.status_code == 401
    assert "Name or password is wrong." in known.text
    assert known.text.replace("ana", "eve") == unknown.text
    answers = [client.post("/login", data={"name": "ana", "password": "x"}) for _ in range(5)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "Try again in" in answers[-1].text
    right = client.post("/login", data={"name": "ana", "password": PASSWORD})
    assert right.status_code == 429, "also for the right password: it must not tell"


def test_logging_out_ends_the_session(visitor: Visitor) -> None:
    client = visitor("viewer")
    kept = client.cookies["assay_admin"]
    assert client.post("/logout", data={"csrf": token(client)}).headers["location"] == "/login"
    assert client.get("/", headers={"cookie": f"assay_admin={kept}"}).status_code == 303


def test_a_change_needs_the_sessions_own_token_and_our_own_origin(visitor: Visitor) -> None:
    client, other = visitor("admin"), visitor("viewer")
    change = {"name": "eve", "role": "viewer"}
    assert client.post("/accounts", data=change).status_code == 403
    assert client.post("/accounts", data={**change, "csrf": token(other)}).status_code == 403
    good = {**change, "csrf": token(client)}
    foreign = {"origin": "https://evil.example"}
    assert client.post("/accounts", data=good, headers=foreign).status_code == 403
    assert "eve" not in client.get("/accounts").text
    assert client.post("/accounts", data=good).status_code == 200
    headers = {"x-csrf-token": token(client)}
    assert client.post("/accounts/eve", data={"what": "disable"}, headers=headers).status_code == 303


def test_a_disabled_account_is_out_at_once(visitor: Visitor, engine: Engine) -> None:
    client = visitor("viewer")
    assert client.get("/account").status_code == 200
    set_disabled(engine, "viewer", True)
    assert client.get("/account").status_code == 303


def test_an_expired_session_asks_for_a_login(visitor: Visitor, engine: Engine) -> None:
    client = visitor("viewer")
    with transaction(engine) as connection:
        connection.execute(text("update admin_sessions set expires_at = now() - interval '1 second'"))
    assert client.get("/account").headers["location"] == "/login?next=/account"


def test_the_first_admin_comes_from_the_settings(settings: Settings, engine: Engine) -> None:
    named = settings.model_copy(
        update={"admin_user": "Root", "admin_password": type(settings.db_password)("a long first password")}
    )
    for _ in range(2):
        with served(named):
            pass
    assert [(one.name, one.role) for one in list_accounts(engine)] == [("root", "admin")]


def test_one_changes_ones_own_password_with_the_present_one(visitor: Visitor) -> None:
    client, elsewhere = visitor("viewer"), visitor("viewer")
    form = {"csrf": token(client), "now": "wrong", "new": "a much better one", "again": "a much better one"}
    assert "present password is wrong" in client.post("/account/password", data=form).text
    form["now"] = PASSWORD
    assert "differ" in client.post("/account/password", data={**form, "again": "something else"}).text
    assert client.post("/account/password", data=form).status_code == 303
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303


def test_the_last_admin_cannot_be_put_out(visitor: Visitor) -> None:
    client = visitor("admin")
    answer = client.post("/accounts/admin", data={"csrf": token(client), "what": "disable"})
    assert answer.status_code == 422
    assert "last admin" in answer.text


def test_the_theme_is_remembered_without_a_script(visitor: Visitor) -> None:
    client = visitor()
    assert 'data-theme="auto"' in client.get("/login").text
    answer = client.post("/theme", data={"theme": "dark", "next": "/login"})
    assert answer.status_code == 303
    assert 'data-theme="dark"' in client.get("/login").text
    client.post("/theme", data={"theme": '"><script>', "next": "/"})
    assert 'data-theme="dark"' in client.get("/login").text


def test_behind_https_the_cookie_is_for_https_only(settings: Settings, engine: Engine) -> None:
    create_account(engine, name="ana", role="viewer", password=PASSWORD, at=AT)
    with served(settings.model_copy(update={"admin_cookie_secure": True})) as pages:
        answer = httpx.post(f"{pages.url}/login", data={"name": "ana", "password": PASSWORD})
    assert answer.headers["set-cookie"].startswith("__Host-assay=")
    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_a_link_from_another_site_finds_the_login_that_is_there(visitor: Visitor) -> None:
    client = visitor()
    answer = client.get("/models", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text


def fail(client: httpx.Client, name: str, times: int) -> int:
    """Wrong passwords; gives the last status."""
    return [client.post("/login", data={"name": name, "password": "x"}).status_code for _ in range(times)][-1]


def test_nobody_is_kept_out_by_another_ones_failures(visitor: Visitor) -> None:
    owner, attacker = visitor("viewer"), visitor()
    assert fail(attacker, "viewer", FREE_BY_NAME + 1) == 429
    for number in range(FREE_BY_ADDRESS):
        fail(attacker, f"name{number}", 1)
    right = {"name": "viewer", "password": PASSWORD}
    assert owner.post("/login", data=right).status_code == 303, "a browser that has been here before"
    assert visitor().post("/login", data=right).status_code == 429, "from elsewhere the name waits still"


def test_a_known_browser_may_not_guess_without_end_nor_for_others(visitor: Visitor, engine: Engine) -> None:
    client = visitor("viewer")
    create_account(engine, name="ana", role="admin", password=PASSWORD, at=AT)
    assert fail(client, "viewer", FREE_BY_NAME + 1) == 429
    assert client.post("/login", data={"name": "viewer", "password": PASSWORD}).status_code == 429
    assert fail(visitor(), "ana", FREE_BY_NAME + 1) == 429
    assert client.post("/login", data={"name": "ana", "password": PASSWORD}).status_code == 429


def test_another_password_makes_a_browser_a_stranger(visitor: Visitor, engine: Engine) -> None:
    client = visitor("viewer")
    set_password(engine, "viewer", "quite another password")
    assert fail(visitor(), "viewer", FREE_BY_NAME + 1) == 429
    answer = client.post("/login", data={"name": "viewer", "password": "quite another password"})
    assert answer.status_code == 429


def test_failing_to_change_a_password_keeps_nobody_from_logging_in(visitor: Visitor) -> None:
    client = visitor("viewer")
    form = {"csrf": token(client), "now": "wrong", "new": "a much better one", "again": "a much better one"}
    answers = [client.post("/account/password", data=form).text for _ in range(FREE_BY_NAME + 1)]
    assert "too many wrong passwords" in answers[-1]
    assert visitor().post("/login", data={"name": "viewer", "password": PASSWORD}).status_code == 303
