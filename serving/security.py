"""Who may ask, and the headers that every answer carries."""

from __future__ import annotations

import hmac

from config.settings import Settings
from serving.problems import Problem

#: Two headers on each answer; a browser then neither guesses a type nor keeps an answer.
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
#: The documentation page loads its own files and nothing else.
PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", PAGE_POLICY),
    (b"referrer-policy", b"no-referrer"),
)


class ApiKey:
    """The key of ``ML_API_KEY``, compared in constant time."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
        self._key = secret.encode()
        self.everywhere = settings.require_api_key

    def check(self, given: bytes | None) -> None:
        """Let pass, or refuse.

        Raises:
            Problem: 503 when no key is configured, 401 when none or a wrong one is given.
        """
        if not self._key:
            raise Problem(
                503, "This endpoint needs an API key and the service has none: set ML_API_KEY and restart it."
            )
        if given is None:
            raise Problem(
                401, "Send the API key in the header X-API-Key.", headers=((b"www-authenticate", b"ApiKey"),)
            )
        if not hmac.compare_digest(given, self._key):
            raise Problem(
                401, "The API key in X-API-Key is not valid.", headers=((b"www-authenticate", b"ApiKey"),)
            )
