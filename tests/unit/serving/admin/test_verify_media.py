"""The memory of small photos, and the card that stands where none can be shown."""

from __future__ import annotations

from xml.etree import ElementTree

from serving.admin.media import PhotoCache, placeholder


def test_the_photo_not_asked_for_longest_makes_room() -> None:
    cache = PhotoCache(most=30)
    for number in range(3):
        cache.put((number, "a", 160), b"x" * 10)
    assert cache.get((0, "a", 160))
    cache.put((3, "a", 160), b"y" * 10)
    assert [cache.get((number, "a", 160)) is not None for number in range(4)] == [True, False, True, True]
    assert cache.size == 30


def test_a_photo_is_kept_for_a_short_time_only() -> None:
    now = [0.0]
    cache = PhotoCache(seconds=60, clock=lambda: now[0])
    cache.put((1, "a", 160), b"x")
    now[0] = 61
    assert cache.get((1, "a", 160)) is None
    assert cache.size == 0


def test_a_forgotten_candidate_leaves_nothing() -> None:
    cache = PhotoCache()
    cache.put((1, "a", 160), b"x")
    cache.put((1, "a", 640), b"xx")
    cache.put((2, "a", 640), b"xxx")
    cache.forget(1)
    assert (cache.get((1, "a", 160)), cache.get((1, "a", 640)), cache.size) == (None, None, 3)


def test_a_photo_larger_than_the_memory_is_not_kept() -> None:
    cache = PhotoCache(most=3)
    cache.put((1, "a", 160), b"four")
    assert cache.size == 0


def test_a_photo_that_is_put_again_is_counted_once() -> None:
    cache = PhotoCache()
    for _ in range(3):
        cache.put((1, "a", 160), b"four")
    assert cache.size == 4


def test_the_card_says_why_and_is_safe() -> None:
    answer = placeholder("Cannot be shown: <script>alert(1)</script> is no image.", 422)
    assert answer.status_code == 422
    assert answer.headers["cache-control"] == "no-store"
    drawn = ElementTree.fromstring(bytes(answer.body))  # noqa: S314 (our own)
    assert "script" not in {element.tag.rsplit("}")[-1] for element in drawn.iter()}
    assert "alert(1)" in "".join(drawn.itertext())
