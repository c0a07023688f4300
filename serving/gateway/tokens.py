"""Bearer tokens (RFC 7519): HS256 by our secret, RS256 by public keys of a JWKS, and nothing else.

The algorithm that a token names only chooses among these two, and each has keys of its own kind: a token that
is signed with a public key as if it were a secret finds no such key (RFC 8725, section 3.1).
"""

from __future__ import annotations

from typing import Any, Protocol

from config.settings import Settings
from serving.gateway.caller import CHALLENGE, Caller, caller_of
from serving.problems import Problem

LEEWAY_SECONDS = 30
MAX_TOKEN = 8192
LEAST_SECRET = 32


class Keys(Protocol):
    """Public keys by their ids."""

    async def find(self, kid: str | None) -> Any:
        """The key. Raises Problem 401 when there is none, 503 when keys cannot be read."""
        ...


class Tokens:
    """Verifies tokens. ``keys`` are those of RS256; None: HS256 alone."""

    def __init__(self, settings: Settings, keys: Keys | None = None) -> None:
        self._secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""
        self._keys = keys
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._options: Any = {"require": ["exp", "sub"], "verify_aud": self._audience is not None}
        self._options["require"] += ["iss"] * bool(self._issuer) + ["aud"] * bool(self._audience)

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        if self._secret and len(self._secret.encode()) < LEAST_SECRET:
            return [
                f"JWT_SECRET is shorter than {LEAST_SECRET} bytes, which HS256 asks for (RFC 7518, section 3.2)"
            ]
        if not self._secret and self._keys is None:
            return ["neither JWT_SECRET nor JWT_JWKS is set: no token is taken"]
        return []

    async def verify(self, token: str) -> Caller:
        """Whose token it is.

        Raises:
            Problem: 401 with the reason; 503 when the keys that it needs cannot be read.
        """
        import jwt

        if len(token) > MAX_TOKEN:
            raise refused("it is too long")
        try:
            head = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise refused("it is no JWT") from None
        algorithm, key = head.get("alg"), None
        if algorithm == "HS256" and self._secret:
            key = self._secret
        elif algorithm == "RS256" and self._keys is not None:
            key = await self._keys.find(head.get("kid"))
        if key is None:
            raise refused(f"its algorithm {str(algorithm)[:20]} is not taken here")
        return caller_of(self._claims(token, key, str(algorithm)))

    def _claims(self, token: str, key: Any, algorithm: str) -> dict[str, Any]:
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options=self._options,
            )
        except jwt.ExpiredSignatureError:
            raise refused("it has expired") from None
        except jwt.MissingRequiredClaimError as error:
            raise refused(f"it has no {error.claim}") from None
        except jwt.InvalidIssuerError:
            raise refused("its issuer is another one") from None
        except jwt.InvalidAudienceError:
            raise refused("it is meant for somebody else") from None
        except jwt.ImmatureSignatureError:
            raise refused("it is not valid yet") from None
        except jwt.PyJWTError:  # also a key that does not fit
            raise refused("its signature or form is not valid") from None
        return claims


def refused(reason: str) -> Problem:
    """401 for a token."""
    return Problem(401, f"The bearer token is not accepted: {reason}.", headers=CHALLENGE)


def make_token(secret: str, user: str, roles: list[str], now: int, seconds: int, **claims: str) -> str:
    """An HS256 token, for trying things out. ``now`` in seconds since 1970."""
    import jwt

    body = {"sub": user, "roles": roles, "iat": now, "exp": now + seconds, **claims}
    return jwt.encode(body, secret, algorithm="HS256")
