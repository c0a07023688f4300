"""`assay token`: a bearer token for trying the gateway out."""

from __future__ import annotations

from typing import Annotated

import typer

User = Annotated[str, typer.Option("--user", help="Whose token it is (sub), such as u-1001.")]
Role = Annotated[list[str] | None, typer.Option("--role", help="user, creator or admin; may be repeated.")]
Hours = Annotated[float, typer.Option("--hours", min=0.01, max=8760, help="It is good for so long.")]


def token(user: User, role: Role = None, hours: Hours = 1.0) -> None:
    """Print an HS256 token that is signed with JWT_SECRET.

    Products sign their own, with the same secret or with keys that JWT_JWKS names; this one is for a terminal:
    curl -H "Authorization: Bearer $(assay token --user u-1001 --role creator)" ...
    """
    import time

    from config.errors import InputError, SettingsError
    from config.settings import get_settings
    from serving.gateway.caller import MAX_ID, ROLES, USER
    from serving.gateway.tokens import make_token

    settings = get_settings()
    if settings.jwt_secret is None:
        raise SettingsError(
            "There is no JWT_SECRET to sign with.",
            hint="`assay up` makes one in ASSAY_HOME/secrets.env; or set JWT_SECRET.",
        )
    roles = role or [USER]
    if strange := sorted(set(roles) - ROLES):
        raise InputError(f"There is no role {', '.join(strange)}.", hint=f"Roles: {', '.join(sorted(ROLES))}.")
    if not 0 < len(user) <= MAX_ID or "\0" in user:
        raise InputError(f"A user's id has 1 to {MAX_ID} characters.", hint="Pass --user u-1001.")
    claims = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience}
    secret = settings.jwt_secret.get_secret_value()
    typer.echo(
        make_token(
            secret,
            user,
            roles,
            int(time.time()),
            round(hours * 3600),
            **{name: value for name, value in claims.items() if value},
        )
    )
