"""The checks of contents against a real database, with the worker's own work and a product that listens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.sql import SQL
from pydantic import SecretStr

from chaos.content_checks import check_contents
from chaos.product import Product
from chaos.publishing import FILM, Post
from demo.content_pictures import film
from storage.content_claims import claim_due
from storage.contents import put_contents
from storage.copying import cursor
from storage.database import transaction
from storage.media_jobs import hand_out
from storage.objects import open_store
from tasks.content_hooks import deliver_due, new_client
from tasks.content_jobs import media_job
from tasks.content_models import ContentModels
from tasks.content_work import work_on
from tasks.platform import Platform

MARK = "chaos-1-"
POSTS = [
    Post(f"{MARK}a", "posts", 1, "I love the night train", kept=1),
    Post(f"{MARK}b", "contents", 2, "a short one", edition=2, kept=2),
    Post(f"{MARK}v", "contents", 3, "in moving pictures", FILM, kept=1),
]
PATIENCE = 0.0  # nothing is waited for: the work is done when the checks begin


@pytest.fixture
def product(shared: Platform) -> Iterator[Product]:
    made = Product()
    secret = SecretStr(made.secret)
    told = {"content_webhook_url": made.url, "content_webhook_secret": secret}
    shared.settings = shared.settings.model_copy(update=told)
    yield made
    made.close()


def publish(parts: Platform, post: Post, edition: int) -> None:
    post = Post(post.name, post.stream, post.creator, post.words, post.video, edition)
    put_contents(parts.engine, [{"id": post.name, "kind": post.kind, **post.fields}], datetime.now(UTC))


def work(parts: Platform, models: ContentModels, product: Product) -> None:
    """What the content worker does, once; and a little later, so that everything is due."""
    at = datetime.now(UTC) + timedelta(seconds=1)
    work_on(parts, models, [one.id for one in claim_due(parts.engine, limit=100, at=at)], at)
    for job in hand_out(parts.engine, limit=10, at=at):
        media_job.fn(str(job.id))
    with new_client() as client:
        while deliver_due(
            parts.engine, parts.settings, client, lambda: datetime.now(UTC) + timedelta(seconds=5)
        ):
            continue
    assert product.told


def broken(parts: Platform, product: Product, posts: list[Post] | None = None) -> dict[str, str]:
    checks = check_contents(parts.settings, MARK, posts or POSTS, [], product, PATIENCE)
    assert len(checks) == 5
    return {check.name: check.found for check in checks if not check.good}


def change(parts: Platform, statement: str) -> None:
    with transaction(parts.engine) as connection, cursor(connection) as cur:
        cur.execute(SQL(statement))  # type: ignore[arg-type]
        assert cur.rowcount > 0


@pytest.fixture
def published(shared: Platform, models: ContentModels, product: Product) -> Platform:
    """Everything was looked at and told."""
    open_store(shared.settings, shared.settings.media_bucket).put(FILM, film(7))
    for post in POSTS:
        publish(shared, post, 1)
    work(shared, models, product)
    publish(shared, POSTS[1], 2)
    publish(shared, POSTS[0], 1)  # a repeat changes nothing
    work(shared, models, product)
    return shared


def test_what_the_worker_did_holds(published: Platform, product: Product) -> None:
    assert broken(published, product) == {}
    assert product.unsigned == 0


def test_a_content_that_nobody_looked_at_breaks_its_checks(published: Platform, product: Product) -> None:
    late = Post(f"{MARK}late", "posts", 1, "too late", kept=1)
    publish(published, late, 1)
    found = broken(published, product, [*POSTS, late])
    assert {name.split(",")[0] for name in found} == {
        "every content was moderated and analyzed",
        "each revision has exactly one decision",
        "each result has exactly one webhook",
    }


def test_a_content_that_is_gone_is_lost(published: Platform, product: Product) -> None:
    change(published, f"delete from contents where id = '{MARK}a'")
    assert "1 lost" in broken(published, product)["no lost or doubled contents"]


def test_a_second_decision_a_second_webhook_and_a_stuck_job_are_found(
    published: Platform, product: Product
) -> None:
    columns = (
        "content_id, content_kind, at, text, decision, scores, reasons, uncertainty, version, received_at, open"
    )
    change(
        published,
        f"insert into moderation_decisions (id, {columns}) select gen_random_uuid(), {columns}"
        f" from moderation_decisions where content_id = '{MARK}a'",
    )
    found = broken(published, product)
    assert "1 by the same versions" in found["each revision has exactly one decision"]
    change(
        published,
        "insert into webhook_deliveries (event, content_id, payload, created_at, delivered_at)"
        " select event, content_id, payload, created_at, delivered_at from webhook_deliveries"
        f" where content_id = '{MARK}a' and event = 'content.moderated'",
    )
    found = broken(published, product)
    assert "1 told twice" in found["each result has exactly one webhook, and the product has it"]
    change(published, "update media_jobs set state = 'running'")
    assert "1 not done" in broken(published, product)["no media job is stuck"]


def test_a_post_with_a_false_signature_is_not_taken(published: Platform, product: Product) -> None:
    product.secret = "another"
    change(published, "update webhook_deliveries set delivered_at = null, attempts = 0, next_at = now()")
    with new_client() as client:
        deliver_due(published.engine, published.settings, client, lambda: datetime.now(UTC))
    assert product.unsigned > 0
    assert (
        "with a false signature"
        in broken(published, product)["each result has exactly one webhook, and the product has it"]
    )
