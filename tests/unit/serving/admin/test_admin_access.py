from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from config.errors import InputError
from serving.admin.access import address_of, check_origin, local_path
from storage.accounts import check_password
from storage.login_attempts import FREE_BY_NAME, LONGEST_WAIT, wait_after


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    "target",
    [None, "", "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)",
     "/login?next=/", "/a\r\nset-cookie: x"],
)  # fmt: skip
def test_a_login_leads_nowhere_but_here(target: str | None) -> None:
    assert local_path(target) == "/"


def test_a_login_leads_to_the_page_that_was_asked_for() -> None:
    assert local_path("/models/viral?v=1&v=2") == "/models/viral?v=1&v=2"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "pages.example", "origin": "https://pages.example"},
        {"host": "pages.example", "origin": "https://pages.example", "sec_fetch_site": "same-origin"},
        {"host": "127.0.0.1:8080"},
        {"host": "pages.example", "sec_fetch_site": "none"},
    ],
)
def test_our_own_forms_are_let_through(headers: dict[str, str]) -> None:
    check_origin(request(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "pages.example", "origin": "https://evil.example"},
        {"host": "pages.example", "origin": "null"},
        {"host": "pages.example", "origin": "https://pages.example.evil.example"},
        {"host": "pages.example", "origin": "https://pages.example:444"},
        {"host": "pages.example", "sec_fetch_site": "cross-site"},
        {"host": "pages.example", "sec_fetch_site": "same-site"},
    ],
)
def test_another_sites_forms_are_not(headers: dict[str, str]) -> None:
    with pytest.raises(HTTPException) as caught:
        check_origin(request(**headers))
    assert caught.value.status_code == 403


def test_the_wait_doubles_after_the_free_tries_and_has_an_end() -> None:
    waits = [wait_after(failures, FREE_BY_NAME) for failures in range(40)]
    assert waits[:FREE_BY_NAME] == [timedelta()] * FREE_BY_NAME
    assert waits[FREE_BY_NAME : FREE_BY_NAME + 3] == [timedelta(seconds=seconds) for seconds in (5, 10, 20)]
    assert waits[-1] == LONGEST_WAIT


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "anastasia.romanov", "x" * 257])
def test_passwords_that_are_too_easy_are_refused(password: str) -> None:
    with pytest.raises(InputError, match="password"):
        check_password("Anastasia.Romanov", password)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("a socket", "a socket"),
    ],
)
def test_a_visitor_has_one_address_however_large_its_network(host: str, address: str) -> None:
    assert address_of(Request({"type": "http", "headers": [], "client": (host, 1)})) == address
