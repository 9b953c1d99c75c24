"""Which client is calling: the same answer for the token, revocation and introspection endpoints.

Every check fails closed. A client proves itself in the one way it is registered for; a public client
names itself, and only a public one may.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from django.db.models import FilteredRelation, QuerySet

from oauth.client_assertion import ASSERTION_TYPE, BadAssertion, read_assertion
from oauth.client_keys import KeysUnavailable, key_set_of
from oauth.client_secrets import is_one_of
from oauth.jwk_sets import NoKey
from oauth.models import Application, ClientSecret
from oauth.models.client import in_force
from oauth.prepared import NOW, Prepared, columns, instance, value
from oauth.used_assertions import use_up

_LONGEST = 255
# What the endpoints ask of a client; its other columns are read when somebody asks for them.
_OF_CLIENT = columns(
    Application,
    frozenset(
        [
            "id",
            "client_id",
            "client_type",
            "status",
            "token_endpoint_auth_method",
            "allowed_origins",
            "grant_types",
            "scope",
            "introspection",
            "access_token_seconds",
            "refresh_token_seconds",
            "client_jwks",
            "client_jwks_uri",
        ]
    ),
)
_OF_SECRET = columns(ClientSecret, frozenset(["id", "digest", "last_used"]))


def _query() -> QuerySet[Application, Any]:
    """A client with its secrets in force: one row for each, and one row for a client without any."""
    known = FilteredRelation("secrets", condition=in_force(NOW, "secrets__"))
    secrets = (f"known__{name}" for name in _OF_SECRET)
    clients = Application.objects.annotate(known=known).filter(client_id=value("client_id"))
    rows: QuerySet[Application, Any] = clients.values_list(*_OF_CLIENT, *secrets)
    return rows


_CLIENT = Prepared(_query)
Method = Application.AuthMethod


class InvalidClientError(Exception):
    """No client, or not the one it says it is: 401 `invalid_client`. The message says which check failed.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    """


class AmbiguousClientError(Exception):
    """Two ways of authenticating at once, or two different clients: 400 `invalid_request`."""


def authenticate(authorization: str, form: Mapping[str, str]) -> Application:
    """The client that sent this Authorization header (empty if none came) and these form fields.

    Raises InvalidClientError or AmbiguousClientError. https://www.rfc-editor.org/rfc/rfc6749#section-2.3
    """
    if form.get("client_assertion") or form.get("client_assertion_type"):
        if authorization or form.get("client_secret"):
            raise AmbiguousClientError("Send an assertion or a secret, not both.")
        return _by_assertion(form)
    if authorization:
        return _by_basic(authorization, form)
    if form.get("client_secret"):
        return _by_secret(form.get("client_id", ""), form["client_secret"], Method.POST)
    return _public(form)


def _by_assertion(form: Mapping[str, str]) -> Application:
    """The client whose registered key has signed. Its name is believed only once that is proven.

    https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
    """
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidClientError(f"client_assertion_type must be {ASSERTION_TYPE}.")
    try:
        assertion = read_assertion(form.get("client_assertion", ""))
    except BadAssertion as error:
        raise InvalidClientError(str(error)) from error
    if form.get("client_id", assertion.client_id) != assertion.client_id:
        raise InvalidClientError("The client_id in the body is not the one in the assertion.")
    client, _ = _find(assertion.client_id)
    if not client.has_keys:
        raise InvalidClientError("The client is not registered to authenticate in this way.")
    if assertion.jku is not None and assertion.jku != client.client_jwks_uri:
        raise InvalidClientError("jku is not the URL that the client's key set is registered with.")
    try:
        key = key_set_of(client, assertion.kid).find(assertion.kid, assertion.algorithm)
    except (KeysUnavailable, NoKey) as error:
        raise InvalidClientError(str(error)) from error
    if not assertion.is_signed_by(key):
        raise InvalidClientError("The signature is not one of the registered key with this kid.")
    if not use_up(client, assertion):
        raise InvalidClientError("This jti was used before; every request needs an assertion of its own.")
    return client


def _by_basic(authorization: str, form: Mapping[str, str]) -> Application:
    client_id, secret = _basic_credentials(authorization)
    if form.get("client_secret"):
        raise AmbiguousClientError("Send the client secret in the header or in the body, not in both.")
    if form.get("client_id", client_id) != client_id:
        raise AmbiguousClientError("The client_id in the body is not the one in the header.")
    return _by_secret(client_id, secret, Method.BASIC)


def _basic_credentials(authorization: str) -> tuple[str, str]:
    """client_id and secret, each form-decoded. https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1"""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError("A client authenticates by HTTP Basic, not by another scheme.")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidClientError("The Basic credentials cannot be decoded.") from error
    client_id, _, secret = decoded.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _by_secret(client_id: str, secret: str, method: str) -> Application:
    client, known = _find(client_id)
    if not client.has_secrets or client.token_endpoint_auth_method != method:
        raise InvalidClientError("The client is not registered to authenticate in this way.")
    if not secret or not is_one_of(known, secret):
        raise InvalidClientError("The client secret is wrong or no longer in force.")
    return client


def _public(form: Mapping[str, str]) -> Application:
    client = (
        _find(form["client_id"])[0]
        if form.get("client_id")
        else _by_refresh_token(form.get("refresh_token", ""))
    )
    if not client.is_public:
        raise InvalidClientError("This client must authenticate.")
    return client


def _by_refresh_token(token: str) -> Application:
    """A browser library refreshes without a client_id: a public client's token says whose it is."""
    owner: Application | None = (
        Application.objects.filter(refreshtoken__token_checksum=token_checksum(token)).first()
        if token
        else None
    )
    if owner is None or not owner.is_live:
        raise InvalidClientError("The request does not say which client it comes from.")
    return owner


def _find(client_id: str) -> tuple[Application, list[ClientSecret]]:
    """The live client of this id and its secrets in force. Nothing that cannot be an id ever reaches the
    database.
    """
    if not client_id or len(client_id) > _LONGEST or not client_id.isprintable():
        raise InvalidClientError("The request does not say which client it comes from.")
    rows = _CLIENT(client_id=client_id)
    client = instance(Application, _OF_CLIENT, rows[0]) if rows else None
    if client is None or not client.is_live:
        raise InvalidClientError("There is no live client of this id.")
    secrets = (instance(ClientSecret, _OF_SECRET, row[len(_OF_CLIENT) :]) for row in rows)
    return client, [secret for secret in secrets if secret is not None]


def token_checksum(token: str) -> str:
    """Under what a token or code is stored and found: its SHA-256 in hexadecimal digits.

    The text may hold a lone surrogate that came out of a form; it then matches nothing.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
