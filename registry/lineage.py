"""Reading the promotion history as a stack: which version a rollback goes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def standing(moves: Iterable[tuple[str, str]]) -> list[str]:
    """Versions that rollbacks can walk back through, oldest first; the last one is in production.

    Args:
        moves: (action, to_version), oldest first. A rollback takes versions off; the rest puts one on.
    """
    stack: list[str] = []
    for action, version in moves:
        if action == "rollback" and version in stack:
            while stack[-1] != version:
                stack.pop()
        elif not stack or stack[-1] != version:
            stack.append(version)
    return stack


def previous_version(moves: Iterable[tuple[str, str]]) -> str | None:
    """The version before the one in production; None when there is none.

    Two rollbacks in a row go two versions back, and never return to what was just rolled back.
    """
    stack = standing(moves)
    return stack[-2] if len(stack) > 1 else None
