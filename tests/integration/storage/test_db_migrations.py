"""The schema: made by the migrations, the same as the tables say, by one process or several."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, inspect, text

from config.errors import DatabaseUnavailable
from config.settings import Settings
from storage.database import alembic_config, make_engine, migrate, schema_revisions, transaction
from storage.tables import Base


def test_the_migrations_make_what_the_tables_declare(engine: Engine) -> None:
    with transaction(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        checks = {
            (table, check["name"])
            for table in Base.metadata.tables
            for check in inspect(connection).get_check_constraints(table)
        }
    declared = {
        (table.name, constraint.name)
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert checks == declared


def test_migrating_again_changes_nothing(settings: Settings, engine: Engine) -> None:
    before = schema_revisions(engine)
    migrate(settings)
    assert schema_revisions(engine) == before
    assert before[0] == before[1]


@pytest.fixture
def empty(postgres_server, tmp_path: Path):
    """Settings of a database without tables."""
    postgres_server.create_database("without_tables")
    yield postgres_server.settings("without_tables", tmp_path)
    postgres_server.drop_database("without_tables")


def test_processes_that_migrate_at_once_take_turns(empty: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [empty] * 4))
    engine = make_engine(empty)
    try:
        at, wanted = schema_revisions(engine)
        assert at == wanted is not None
    finally:
        engine.dispose()


def test_the_way_back_leaves_an_empty_database(empty: Settings) -> None:
    migrate(empty)
    engine = make_engine(empty)
    try:
        with transaction(engine) as connection:
            command.downgrade(alembic_config(connection), "base")
            assert inspect(connection).get_table_names() == ["alembic_version"]
            left = connection.execute(text("select count(*) from pg_proc where proname = 'refuse_change'"))
            assert left.scalar() == 0
    finally:
        engine.dispose()


def test_what_was_there_counts_as_told_when_it_came(empty: Settings) -> None:
    migrate(empty, "0007")
    engine = make_engine(empty)
    try:
        with transaction(engine) as connection:
            connection.execute(
                text(
                    "insert into contents (id, kind, text, received_at)"
                    " values ('p', 'post', 'a', '2026-01-02Z')"
                )
            )
            connection.execute(
                text(
                    "insert into clip_outcomes (key, revision, clip_id, started_at, ended_at, impressions,"
                    " clicks, known_at) values ('k', 1, 'c', '2026-01-01Z', '2026-01-02Z', 9, 1, '2026-01-03Z')"
                )
            )
        migrate(empty)
        with transaction(engine) as connection:
            contents = connection.execute(text("select told_at = received_at, revision from contents")).one()
            outcomes = connection.execute(text("select told_at = known_at, revision from clip_outcomes")).one()
        assert tuple(contents) == tuple(outcomes) == (True, 1)
        with transaction(engine) as connection:
            connection.execute(text("update contents set text = 'b'"))
            assert connection.execute(text("select told_at = now(), revision from contents")).one() == (True, 2)
    finally:
        engine.dispose()


def test_a_database_that_is_not_there_is_named(postgres_server, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="has no database 'nowhere'"):
        migrate(postgres_server.settings("nowhere", tmp_path))
