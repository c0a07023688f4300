"""Who asks, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.problems import Problem

USER, CREATOR, ADMIN = "user", "creator", "admin"
ROLES = frozenset({USER, CREATOR, ADMIN})
MAX_ID = 256
CHALLENGE = ((b"www-authenticate", b'Bearer error="invalid_token"'),)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token or key is good.

    ``user_id`` is None of a backend, which shows the API key: it may do what an admin may, for anybody.
    """

    user_id: str | None
    roles: frozenset[str]

    @property
    def admin(self) -> bool:
        """Whether they may do anything."""
        return ADMIN in self.roles

    def must_be(self, *roles: str) -> None:
        """Let pass whoever has one of ``roles``, and every admin.

        Raises:
            Problem: 403.
        """
        if not self.admin and self.roles.isdisjoint(roles):
            raise Problem(403, f"This needs the role {' or '.join(dict.fromkeys((*roles, ADMIN)))}.")

    def must_own(self, owner: str | None) -> None:
        """Let pass the owner and every admin.

        Raises:
            Problem: 403.
        """
        if not self.admin and (owner is None or owner != self.user_id):
            raise Problem(403, "This is for the owner of the content and for admins.")

    def acts_for(self, wanted: str | None) -> str:
        """The user whom a question is about: oneself, or anybody where an admin asks.

        Raises:
            Problem: 403 when it is somebody else, 422 when a backend names nobody.
        """
        if wanted is not None and wanted != self.user_id and not self.admin:
            raise Problem(403, "A user asks for nobody but themselves; leave user_id out.")
        user = wanted if wanted is not None else self.user_id
        if user is None:
            raise Problem(422, "user_id is required where the API key is shown: it says for whom.")
        return user


BACKEND = Caller(None, ROLES)


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """Out of the claims of a verified token: ``sub``, and ``role`` or ``roles``. Roles that we have not got
    count for nothing; each caller is a user.

    Raises:
        Problem: 401 when there is no usable ``sub``.
    """
    user = claims.get("sub")
    if not isinstance(user, str) or not user or len(user) > MAX_ID or "\0" in user:
        raise Problem(
            401, f"The token names no user: sub must be a text of 1 to {MAX_ID} characters.", headers=CHALLENGE
        )
    named: set[str] = set()
    for claim in ("role", "roles"):
        value = claims.get(claim)
        if isinstance(value, str):
            named.update(value.split())
        elif isinstance(value, list):
            named.update(one for one in value if isinstance(one, str))
    return Caller(user, frozenset({USER} | (named & ROLES)))
