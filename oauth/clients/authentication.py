"""Which client is calling: the same answer for the token, revocation and introspection endpoints.

Every check fails closed. A client proves itself in the one way it is registered for; a public client
names itself, and only a public one may.
"""

import base64
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

from django.utils import timezone

from oauth.clients.assertion import ASSERTION_TYPE, Assertion, BadAssertion, read_assertion
from oauth.clients.keys import KeysUnavailable, key_set_of
from oauth.clients.secrets import is_one_of
from oauth.clients.used_assertions import use_up
from oauth.jwk_sets import NoKey
from oauth.models import Application
from oauth.remembered import KnownClient, look_up_client
from oauth.tokens.checksum import token_checksum

REPLAYED = "This jti was used before; every request needs an assertion of its own."
_LONGEST = 255
Method = Application.AuthMethod


class InvalidClientError(Exception):
    """No client, or not the one it says it is: 401 `invalid_client`. The message says which check failed.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    """


class AmbiguousClientError(Exception):
    """Two ways of authenticating at once, or two different clients: 400 `invalid_request`."""


class Proven(NamedTuple):
    """A client that has proven itself, and the stamp under which it is known. The assertion by which it did
    is not used up yet.
    """

    client: Application
    stamp: int
    assertion: Assertion | None = None


Find = Callable[[str], KnownClient | None]


def authenticate(authorization: str, form: Mapping[str, str]) -> Application:
    """The client that sent this Authorization header (empty if none came) and these form fields.

    Raises InvalidClientError or AmbiguousClientError. https://www.rfc-editor.org/rfc/rfc6749#section-2.3
    """
    proven = prove(authorization, form, look_up_client)
    if proven.assertion is not None and not use_up(proven.client, proven.assertion):
        raise InvalidClientError(REPLAYED)
    return proven.client


def prove(authorization: str, form: Mapping[str, str], find: Find) -> Proven:
    """As `authenticate`, with the client that `find` knows, and without using up its assertion."""
    if is_by_assertion(form):
        if authorization or form.get("client_secret"):
            raise AmbiguousClientError("Send an assertion or a secret, not both.")
        return _by_assertion(form, find)
    if authorization:
        return _by_basic(authorization, form, find)
    if form.get("client_secret"):
        return _by_secret(form.get("client_id", ""), form["client_secret"], Method.POST, find)
    return _public(form, find)


def is_by_assertion(form: Mapping[str, str]) -> bool:
    """Whether these form fields hold an assertion, good or bad."""
    return bool(form.get("client_assertion") or form.get("client_assertion_type"))


def _by_assertion(form: Mapping[str, str], find: Find) -> Proven:
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
    known = _known(assertion.client_id, find)
    client = known.client
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
    return Proven(client, known.stamp, assertion)


def _by_basic(authorization: str, form: Mapping[str, str], find: Find) -> Proven:
    client_id, secret = _basic_credentials(authorization)
    if form.get("client_secret"):
        raise AmbiguousClientError("Send the client secret in the header or in the body, not in both.")
    if form.get("client_id", client_id) != client_id:
        raise AmbiguousClientError("The client_id in the body is not the one in the header.")
    return _by_secret(client_id, secret, Method.BASIC, find)


def _basic_credentials(authorization: str) -> tuple[str, str]:
    """client_id and secret, each form-decoded. https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1"""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError("A client authenticates by HTTP Basic, not by another scheme.")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError as error:  # also of a header that is not ASCII
        raise InvalidClientError("The Basic credentials cannot be decoded.") from error
    client_id, _, secret = decoded.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _by_secret(client_id: str, secret: str, method: str, find: Find) -> Proven:
    known = _known(client_id, find)
    if not known.client.has_secrets or known.client.token_endpoint_auth_method != method:
        raise InvalidClientError("The client is not registered to authenticate in this way.")
    if not secret or not is_one_of(known.secrets_in_force(timezone.now()), secret):
        raise InvalidClientError("The client secret is wrong or no longer in force.")
    return Proven(known.client, known.stamp)


def _public(form: Mapping[str, str], find: Find) -> Proven:
    known = _known(form.get("client_id") or _owner(form.get("refresh_token", "")), find)
    if not known.client.is_public:
        raise InvalidClientError("This client must authenticate.")
    return Proven(known.client, known.stamp)


def _owner(refresh_token: str) -> str:
    """A browser library refreshes without a client_id: a public client's token says whose it is."""
    if not refresh_token:
        return ""
    owners = Application.objects.filter(refreshtoken__token_checksum=token_checksum(refresh_token))
    return owners.values_list("client_id", flat=True).first() or ""


def _known(client_id: str, find: Find) -> KnownClient:
    """The live client of this id. Nothing that cannot be an id ever reaches the database."""
    if not client_id or len(client_id) > _LONGEST or not client_id.isprintable():
        raise InvalidClientError("The request does not say which client it comes from.")
    known = find(client_id)
    if known is None or not known.client.is_live:
        raise InvalidClientError("There is no live client of this id.")
    return known
