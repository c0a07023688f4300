"""Who publishes days of a family does so beside others; who changes what they publish waits for all of them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from config.errors import DatabaseError
from storage.erasure import rows_guard


def test_those_who_share_do_not_wait_for_one_another(engine: Engine) -> None:
    with rows_guard(engine, "viral", 0.2, shared=True), rows_guard(engine, "viral", 0.2, shared=True):
        pass


def test_who_holds_it_alone_waits_for_those_who_share_and_they_wait_for_it(engine: Engine) -> None:
    with (
        rows_guard(engine, "viral", shared=True),
        pytest.raises(DatabaseError, match="has held 'rows:viral'"),
        rows_guard(engine, "viral", 0.2),
    ):
        pytest.fail("it was held by somebody else")
    with (
        rows_guard(engine, "viral"),
        pytest.raises(DatabaseError, match="has held 'rows:viral'"),
        rows_guard(engine, "viral", 0.2, shared=True),
    ):
        pytest.fail("it was held by somebody else")


def test_it_is_free_again_when_those_who_shared_it_are_done(engine: Engine) -> None:
    with rows_guard(engine, "viral", shared=True):
        pass
    with rows_guard(engine, "viral", 0.2), rows_guard(engine, "ctr", 0.2):
        pass
