"""Accounts, sessions and the throttle of logins on a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, text

from config.errors import InputError
from storage.accounts import (
    Account,
    create_account,
    create_first_admin,
    list_accounts,
    set_disabled,
    set_password,
    set_role,
    verify_password,
)
from storage.admin_sessions import close_session, find_session, open_session, token_hash
from storage.database import transaction
from storage.login_attempts import FREE_BY_ADDRESS, FREE_BY_NAME, MEMORY, admit, forgive

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


def account(engine: Engine, name: str = "ana", role: str = "admin") -> Account:
    return create_account(engine, name=name, role=role, password=PASSWORD, at=AT)


def stored_hash(engine: Engine, name: str) -> str:
    with transaction(engine) as connection:
        query = text("select password_hash from admin_users where name = :name")
        return str(connection.execute(query, {"name": name}).scalar_one())


def test_a_password_is_kept_as_argon2id_and_lets_its_owner_in_whatever_the_case_of_the_name(
    engine: Engine,
) -> None:
    made = account(engine, " Ana ")
    assert made.name == "ana"
    assert stored_hash(engine, "ana").startswith("$argon2id$")
    assert verify_password(engine, "ANA", PASSWORD) == made
    assert verify_password(engine, "ana", PASSWORD + "x") is None
    assert verify_password(engine, "nobody", PASSWORD) is None


def test_a_hash_of_weaker_parameters_is_replaced_at_the_next_login(engine: Engine) -> None:
    account(engine)
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with transaction(engine) as connection:
        connection.execute(text("update admin_users set password_hash = :weak"), {"weak": weak})
    assert verify_password(engine, "ana", PASSWORD) is not None
    assert stored_hash(engine, "ana") != weak
    assert verify_password(engine, "ana", PASSWORD) is not None


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 65, "ünï", "a/b"])
def test_names_that_could_be_mistaken_are_refused(engine: Engine, name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name"):
        account(engine, name)


def test_a_name_is_given_once(engine: Engine) -> None:
    account(engine)
    with pytest.raises(InputError, match="already"):
        account(engine, "Ana")


def test_somebody_stays_admin(engine: Engine) -> None:
    account(engine)
    with pytest.raises(InputError, match="last admin"):
        set_disabled(engine, "ana", True)
    with pytest.raises(InputError, match="last admin"):
        set_role(engine, "ana", "viewer")
    account(engine, "bea")
    set_disabled(engine, "bea", True)
    with pytest.raises(InputError, match="last admin"):
        set_role(engine, "ana", "verifier")
    set_disabled(engine, "bea", False)
    assert set_role(engine, "ana", "verifier").role == "verifier"


def test_of_two_admins_who_leave_at_once_one_stays(engine: Engine) -> None:
    names = ("ana", "bea")
    for name in names:
        account(engine, name)

    def leave(name: str) -> bool:
        try:
            return set_disabled(engine, name, True).disabled
        except InputError:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(leave, names)) == [False, True]


def test_the_first_admin_is_made_once_even_by_several_processes(engine: Engine) -> None:
    def make(number: int) -> Account | None:
        return create_first_admin(engine, name=f"admin{number}", password=PASSWORD, at=AT)

    with ThreadPoolExecutor(4) as pool:
        made = [one for one in pool.map(make, range(4)) if one is not None]
    assert len(made) == 1
    assert list_accounts(engine) == made
    assert made[0].role == "admin"


def test_a_session_is_kept_by_its_hash_and_ends_in_time_or_by_hand(engine: Engine) -> None:
    ana = account(engine)
    token = open_session(engine, ana, at=AT, hours=8)
    found = find_session(engine, token, at=AT + timedelta(hours=7))
    assert found is not None
    assert found.account.last_login_at == AT
    assert len(found.csrf) > 40
    with transaction(engine) as connection:
        assert connection.execute(text("select token_hash from admin_sessions")).scalars().all() == [
            token_hash(token)
        ]
    assert find_session(engine, token, at=AT + timedelta(hours=8)) is None
    assert find_session(engine, token[:-1], at=AT) is None
    close_session(engine, token)
    assert find_session(engine, token, at=AT) is None


def test_disabling_an_account_ends_its_sessions(engine: Engine) -> None:
    account(engine, "bea")
    token = open_session(engine, account(engine), at=AT, hours=8)
    set_disabled(engine, "ana", True)
    assert find_session(engine, token, at=AT) is None
    assert verify_password(engine, "ana", PASSWORD) is None
    set_disabled(engine, "ana", False)
    assert find_session(engine, token, at=AT) is None, "it does not come back"


def test_another_password_ends_every_other_session(engine: Engine) -> None:
    ana = account(engine)
    here, there = (open_session(engine, ana, at=AT, hours=8) for _ in range(2))
    set_password(engine, "ana", "another good password", keep_session=token_hash(here))
    assert find_session(engine, here, at=AT) is not None
    assert find_session(engine, there, at=AT) is None
    assert verify_password(engine, "ana", PASSWORD) is None


def tries(engine: Engine, count: int, name: str = "ana", address: str = "10.0.0.1") -> list[float]:
    return [admit(engine, name=name, address=address, at=AT).total_seconds() for _ in range(count)]


def test_after_some_failures_a_name_waits_longer_and_longer(engine: Engine) -> None:
    assert tries(engine, FREE_BY_NAME) == [0] * FREE_BY_NAME
    assert tries(engine, 3) == [5, 5, 5], "an attempt that waits makes the wait no longer"
    assert admit(engine, name="bea", address="10.0.0.1", at=AT) == timedelta(), "others are let in"
    later = AT + timedelta(seconds=5)
    assert admit(engine, name="ana", address="10.0.0.2", at=later) == timedelta()
    assert admit(engine, name="ana", address="10.0.0.3", at=later) == timedelta(seconds=10)


def test_the_right_password_forgives_and_time_forgets(engine: Engine) -> None:
    tries(engine, FREE_BY_NAME)
    forgive(engine, name="ana")
    assert tries(engine, 1) == [0]
    tries(engine, FREE_BY_NAME)
    assert admit(engine, name="ana", address="10.0.0.1", at=AT + MEMORY) == timedelta()


def test_an_address_that_tries_many_names_waits(engine: Engine) -> None:
    waits = [
        admit(engine, name=f"name{number}", address="10.0.0.1", at=AT) for number in range(FREE_BY_ADDRESS + 1)
    ]
    assert not any(waits[:-1])
    assert waits[-1]


def test_guesses_that_come_at_once_are_counted_as_well(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = [wait for part in pool.map(lambda _: tries(engine, 2), range(8)) for wait in part]
    assert waits.count(0) == FREE_BY_NAME
