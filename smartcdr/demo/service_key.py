"""The key pairs of the demonstration's backend services: made when first needed, and never published."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from smartcdr.demo.elements import Json

ALGORITHM = "ES384"
KID = "demonstration"


def keep_key(path: Path) -> Json:
    """The public JWK of the private key in this file (PEM); the key is made if there is none, for its owner
    alone to read.
    """
    private = _read(path) or _make(path)
    public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: public[name] for name in ("kty", "crv", "x", "y")} | {"kid": KID, "alg": ALGORITHM}


def _read(path: Path) -> ec.EllipticCurvePrivateKey | None:
    """The key; None if the file is missing or holds something else."""
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp384r1":
        return None
    return private


def _make(path: Path) -> ec.EllipticCurvePrivateKey:
    private = ec.generate_private_key(ec.SECP384R1())
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
    part.replace(path)
    return private
