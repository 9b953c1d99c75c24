"""The keys that sign our tokens: made, kept encrypted, used, published, rotated.

Only the key's private part is secret; it lies in the database encrypted with KEY_ENCRYPTION_KEYS (Fernet,
newest first). Parsing a private key costs a hundred signatures, so each process parses each key once.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from django.db import connection, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode

from accounts.encryption import box
from fhir.rows import ON_POSTGRESQL
from oauth.models import SigningKey
from oauth.prepared import Prepared

ALGORITHMS = ("ES256", "RS256")
Status = SigningKey.Status
VERIFYING = (Status.PUBLISHED, Status.ACTIVE, Status.RETIRED)
_LOCK = 0x5347_4B45  # any number, the same in every process


_ACTIVE = Prepared(
    lambda: (
        SigningKey.objects.filter(status=Status.ACTIVE).order_by("activated").values_list("algorithm", "kid")
    )
)


class NoSigningKeyError(RuntimeError):
    """No active key of the wanted algorithm: `manage.py ensure_signing_key` has not been run."""


@dataclass(frozen=True, slots=True)
class Signer:
    """An active key, ready to sign."""

    kid: str
    algorithm: str
    key: Any

    def sign(self, claims: dict[str, Any], typ: str) -> str:
        """A compact JWS of the claims. `typ` goes into its header (`at+jwt`, `JWT`)."""
        return jwt.encode(claims, self.key, algorithm=self.algorithm, headers={"kid": self.kid, "typ": typ})


def signers() -> dict[str, Signer]:
    """The active key of each algorithm, looked up at each call so that a rotation counts at once."""
    return {algorithm: Signer(kid, algorithm, _private_key(kid)) for algorithm, kid in _ACTIVE()}


def signer(algorithm: str) -> Signer:
    """The active key of one algorithm; NoSigningKeyError if there is none."""
    return signer_among(signers(), algorithm)


def signer_among(signers: dict[str, Signer], algorithm: str) -> Signer:
    """The key of one algorithm among the active ones; NoSigningKeyError if there is none."""
    try:
        return signers[algorithm]
    except KeyError:
        raise NoSigningKeyError(
            f"There is no active {algorithm} key: run manage.py ensure_signing_key."
        ) from None


def verifying_key(kid: str) -> tuple[str, Any] | None:
    """Algorithm and public key of a key that still verifies; None for an unknown or withdrawn one."""
    row = (
        SigningKey.objects.filter(kid=kid, status__in=VERIFYING)
        .values_list("algorithm", "public_jwk")
        .first()
    )
    return (row[0], _public_key(json.dumps(row[1]))) if row else None


def published_jwks() -> dict[str, list[dict[str, Any]]]:
    """The JWK Set of /oauth/jwks: keys to come, active and retired ones, oldest first, public parts only.

    https://www.rfc-editor.org/rfc/rfc7517#section-5
    """
    keys = SigningKey.objects.filter(status__in=VERIFYING).order_by("created", "kid")
    return {"keys": list(keys.values_list("public_jwk", flat=True))}


def ensure_signing_keys() -> list[SigningKey]:
    """Make an active key for each algorithm that has none; returns the new ones. Safe to run in parallel."""
    with transaction.atomic():
        lock()
        active = set(SigningKey.objects.filter(status=Status.ACTIVE).values_list("algorithm", flat=True))
        return [new_key(algorithm, Status.ACTIVE) for algorithm in ALGORITHMS if algorithm not in active]


def new_key(algorithm: str, status: str = Status.PUBLISHED) -> SigningKey:
    """Make and store a key pair. A `published` one only shows in jwks, so that others learn it in time."""
    private = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else rsa.generate_private_key(65537, 2048)
    )
    public = _jwk(private, algorithm)
    return SigningKey.objects.create(
        kid=public["kid"],
        algorithm=algorithm,
        status=status,
        public_jwk=public,
        private_key_encrypted=box().encrypt(
            private.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        ),
        activated=timezone.now() if status == Status.ACTIVE else None,
    )


def activate(key: SigningKey) -> None:
    """Sign with this key from now on. The one before it is retired: it signs no more, and still verifies."""
    with transaction.atomic():
        lock()
        now = timezone.now()
        others = SigningKey.objects.filter(algorithm=key.algorithm, status=Status.ACTIVE).exclude(pk=key.pk)
        others.update(status=Status.RETIRED, retired=now)
        SigningKey.objects.filter(pk=key.pk).update(status=Status.ACTIVE, activated=now)


def withdraw(key: SigningKey) -> None:
    """Take a key out of jwks for good, and destroy its private part.

    Every token that it signed is refused from now on (a trigger revokes them: oauth.tokens.lasting_ends).
    """
    SigningKey.objects.filter(pk=key.pk).update(
        status=Status.WITHDRAWN,
        retired=Coalesce("retired", timezone.now()),
        private_key_encrypted=b"",
    )


def encrypt_anew() -> int:
    """Encrypt every private key with the first of KEY_ENCRYPTION_KEYS; returns how many there are.

    Withdrawn keys have no private part any more.
    """
    keys = list(SigningKey.objects.exclude(status=Status.WITHDRAWN))
    for key in keys:
        key.private_key_encrypted = box().rotate(bytes(key.private_key_encrypted))
        key.save(update_fields=["private_key_encrypted"])
    return len(keys)


def lock() -> None:
    """Let nobody else change keys until this transaction ends. SQLite's writers exclude each other anyway."""
    if ON_POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


@lru_cache(maxsize=16)
def _private_key(kid: str) -> PrivateKeyTypes:
    encrypted = SigningKey.objects.values_list("private_key_encrypted", flat=True).get(kid=kid)
    return serialization.load_der_private_key(box().decrypt(bytes(encrypted)), password=None)


@lru_cache(maxsize=64)
def _public_key(jwk: str) -> Any:
    return jwt.PyJWK.from_json(jwk).key


def _jwk(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, algorithm: str) -> dict[str, str]:
    """The public JWK, named by its thumbprint. https://www.rfc-editor.org/rfc/rfc7638#section-3"""
    public = private.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        members: dict[str, str] = dict(ECAlgorithm.to_jwk(public, as_dict=True))
        required = {name: members[name] for name in ("crv", "kty", "x", "y")}
    else:
        members = dict(RSAAlgorithm.to_jwk(public, as_dict=True))
        required = {name: members[name] for name in ("e", "kty", "n")}
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":")).encode()
    thumbprint = hashlib.sha256(canonical).digest()
    return {**required, "alg": algorithm, "use": "sig", "kid": base64url_encode(thumbprint).decode()}
