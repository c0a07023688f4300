"""Tokens that are good, and the ways to forge one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
import warnings
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from serving.gateway.jwks import PAUSE_SECONDS, KeySet
from serving.problems import Problem
from tests.gateway_world import KEY, SECRET, World

#: When this module was read: a whole run may ask an hour later, so nothing here is nearer than a day.
NOW, DAY = int(time.time()), 86_400
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it is to be refused
PUBLIC_PEM = RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def jwk(key: rsa.RSAPrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    return {
        **jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True),
        "kid": kid,
        "use": "sig",
        **more,
    }


def claims(**changed: Any) -> dict[str, Any]:
    body = {"sub": "ana", "role": "admin", "iat": NOW, "exp": NOW + DAY, **changed}
    return {name: value for name, value in body.items() if value is not None}


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def status(world: World, token: str) -> int:
    return world.ask("GET", "models", None, headers={"authorization": f"Bearer {token}"}).status_code


@pytest.fixture
def both(make_world: Any, tmp_path: Path) -> World:
    """A gateway that takes both kinds of tokens."""
    keys = tmp_path / "jwks.json"
    keys.write_bytes(orjson.dumps({"keys": [jwk(RSA, "one"), jwk(WEAK, "weak"), {"kty": "EC", "kid": "ec"}]}))
    world: World = make_world(jwt_jwks=str(keys))
    return world


def test_good_tokens_of_both_kinds_are_taken(both: World) -> None:
    assert status(both, jwt.encode(claims(), SECRET, "HS256")) == 200
    assert status(both, jwt.encode(claims(), RSA, "RS256", headers={"kid": "one"})) == 200


@pytest.mark.parametrize("roles", [{"role": "admin"}, {"roles": ["user", "admin"]}, {"roles": "user admin"}])
def test_roles_are_told_by_either_name(world: World, roles: dict[str, Any]) -> None:
    assert status(world, jwt.encode(claims(role=None) | roles, SECRET, "HS256")) == 200


@pytest.mark.parametrize("role", ["Admin", "superuser", ["creator"], {"admin": True}, 1, None, "admins"])
def test_no_other_word_makes_an_admin(world: World, role: Any) -> None:
    assert status(world, jwt.encode(claims(role=None) | {"roles": role}, SECRET, "HS256")) == 403


def _forged() -> dict[str, str]:
    return {
        "no signature, said so": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}.",
        "no signature, in capitals": f"{part({'alg': 'NONE'})}.{part(claims())}.",
        "no signature under a good name": f"{part({'alg': 'HS256'})}.{part(claims())}.",
        "another secret": jwt.encode(claims(), "another secret of more than 32 characters", "HS256"),
        "HS512 with our secret": jwt.encode(claims(), SECRET * 2, "HS512"),
        "HS384": jwt.encode(claims(), SECRET * 2, "HS384"),
        "a stranger's RSA key": jwt.encode(claims(), STRANGER, "RS256", headers={"kid": "one"}),
        "a key that brings itself": jwt.encode(
            claims(), STRANGER, "RS256", headers={"jwk": jwk(STRANGER, "x")}
        ),
        "a key at an address": jwt.encode(claims(), STRANGER, "RS256", headers={"jku": "https://evil.example"}),
        "an unknown key": jwt.encode(claims(), RSA, "RS256", headers={"kid": "two"}),
        "a kid like a path": jwt.encode(claims(), RSA, "RS256", headers={"kid": "../../dev/null"}),
        "PSS with the right key": jwt.encode(claims(), RSA, "PS256", headers={"kid": "one"}),
        "a key that is too short": jwt.encode(claims(), WEAK, "RS256", headers={"kid": "weak"}),
        "expired": jwt.encode(claims(exp=NOW - 60), SECRET, "HS256"),
        "no exp": jwt.encode(claims(exp=None), SECRET, "HS256"),
        "exp is a word": jwt.encode(claims(exp="never"), SECRET, "HS256"),
        "not valid yet": jwt.encode(claims(nbf=NOW + DAY), SECRET, "HS256"),
        "issued in the future": jwt.encode(claims(iat=NOW + DAY), SECRET, "HS256"),
        "no sub": jwt.encode(claims(sub=None), SECRET, "HS256"),
        "an empty sub": jwt.encode(claims(sub=""), SECRET, "HS256"),
        "sub with a NUL": jwt.encode(claims(sub="a\0b"), SECRET, "HS256"),
        "too long": jwt.encode(claims(more="x" * 9000), SECRET, "HS256"),
        "unknown critical header": jwt.encode(claims(), SECRET, "HS256", headers={"crit": ["x"], "x": 1}),
        "no JWT at all": "rubbish",
        "two parts": "a.b",
        "an encrypted one": "a.b.c.d.e",
        "claims that are a list": jwt.api_jws.encode(b"[1]", SECRET, "HS256"),
        "head that is a list": f"{part([1])}.{part(claims())}.x",
        "not ASCII": "ü.ü.ü",
        "empty": "",
    }  # fmt: skip


with warnings.catch_warnings():  # of the key that is too short
    warnings.simplefilter("ignore")
    FORGED = _forged()


@pytest.mark.parametrize("name", FORGED)
def test_forged_and_broken_tokens_are_refused(both: World, name: str) -> None:
    headers = {"authorization": b"Bearer " + FORGED[name].encode()}
    answer = both.ask("GET", "models", None, headers=headers)
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert SECRET not in answer.text


def test_a_public_key_is_no_secret(both: World) -> None:
    """Algorithm confusion: HS256 with the text of the RSA public key (CVE-2015-9235)."""
    for material in (PUBLIC_PEM, orjson.dumps(jwk(RSA, "one"))):
        head, body = part({"alg": "HS256", "kid": "one"}), part(claims())
        signature = hmac.new(material, f"{head}.{body}".encode(), hashlib.sha256).digest()
        assert status(both, f"{head}.{body}.{part(signature)}") == 401


def test_the_secret_signs_no_rs256(world: World) -> None:
    assert status(world, jwt.encode(claims(), RSA, "RS256")) == 401, "without a JWKS there are no such tokens"


def test_without_a_secret_hs256_is_not_taken(make_world: Any) -> None:
    world = make_world(jwt_secret="")
    head, body = part({"alg": "HS256"}), part(claims())
    assert status(world, f"{head}.{body}.{part(b'')}") == 401


def test_health_tells_of_a_secret_that_is_too_short_or_missing(make_world: Any) -> None:
    assert (
        "JWT_SECRET is shorter" in make_world(jwt_secret="x" * 31).ask("GET", "/health", None).json()["detail"]
    )
    assert "no token is taken" in make_world(jwt_secret="").ask("GET", "/health", None).json()["detail"]


def test_a_clock_may_be_some_seconds_off(world: World) -> None:
    now = int(time.time())
    assert status(world, jwt.encode(claims(exp=now - 5), SECRET, "HS256")) == 200
    assert status(world, jwt.encode(claims(nbf=now + 20), SECRET, "HS256")) == 200


def test_issuer_and_audience_are_asked_for_where_they_are_set(make_world: Any) -> None:
    world = make_world(jwt_issuer="https://id.example", jwt_audience="assay")
    right = {"iss": "https://id.example", "aud": ["other", "assay"]}
    assert status(world, jwt.encode(claims(**right), SECRET, "HS256")) == 200
    for wrong in ({}, right | {"iss": "https://evil.example"}, right | {"aud": "other"}, {"iss": right["iss"]}):
        assert status(world, jwt.encode(claims(**wrong), SECRET, "HS256")) == 401


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Token x", "x"])
def test_other_schemes_are_no_tokens(world: World, header: str) -> None:
    assert world.ask("GET", "models", None, headers={"authorization": header}).status_code == 401


def test_the_scheme_may_be_written_in_any_case(world: World) -> None:
    token = jwt.encode(claims(), SECRET, "HS256")
    assert world.ask("GET", "models", None, headers={"authorization": f"bearer {token}"}).status_code == 200


class Source:
    """A JWKS that counts how often it is read."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys, self.reads, self.away, self.now = list(keys), 0, False, 1000.0

    async def read(self) -> bytes:
        self.reads += 1
        if self.away:
            raise ConnectionError
        return orjson.dumps({"keys": self.keys})


def found(keys: KeySet, kid: str | None) -> bool:
    try:
        return asyncio.run(keys.find(kid)) is not None
    except Problem as problem:
        return problem.status != 401


def test_a_new_key_is_found_and_unknown_ones_make_us_read_rarely() -> None:
    source = Source(jwk(RSA, "one"))
    keys = KeySet(source.read, lambda: source.now)
    assert found(keys, "one")
    source.keys.append(jwk(STRANGER, "two"))
    assert not any(found(keys, f"guess-{number}") for number in range(100))
    assert source.reads == 1, "within the pause nobody makes us read"
    source.now += PAUSE_SECONDS + 1
    assert found(keys, "two")
    assert source.reads == 2


def test_a_key_that_was_taken_back_is_forgotten() -> None:
    source = Source(jwk(RSA, "one"), jwk(STRANGER, "two"))
    keys = KeySet(source.read, lambda: source.now)
    assert found(keys, "two")
    source.keys.pop()
    source.now += 3600
    assert found(keys, "one")
    assert not found(keys, "two")


def test_known_keys_go_on_while_the_source_is_away() -> None:
    source = Source(jwk(RSA, "one"))
    keys = KeySet(source.read, lambda: source.now)
    assert found(keys, "one")
    source.away, source.now = True, source.now + 3600
    assert found(keys, "one")
    assert keys.complaints()


def test_without_any_key_tokens_cannot_be_checked_which_is_no_401() -> None:
    source = Source()
    source.away = True
    with pytest.raises(Problem) as caught:
        asyncio.run(KeySet(source.read).find("one"))
    assert caught.value.status == 503


def test_a_private_key_in_the_set_is_not_used() -> None:
    private = jwt.algorithms.RSAAlgorithm.to_jwk(RSA, as_dict=True) | {"kid": "one"}
    assert not found(KeySet(Source(private).read), "one")


def test_the_key_is_for_our_own_backends(world: World) -> None:
    assert world.ask("GET", "models", None, headers={"x-api-key": KEY}).status_code == 200
