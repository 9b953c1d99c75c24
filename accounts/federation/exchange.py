"""What we ask a provider by HTTP: its documents, its keys, tokens and userinfo.

Staff choose whom we call, so there is no list of networks here. An answer is limited in size and time all the
same, redirects are not followed, and every address has to be https. The operator's proxy and certificates
count (HTTPS_PROXY, REQUESTS_CA_BUNDLE).
"""

import time
from typing import Any
from urllib.parse import quote

import orjson
import requests
from cryptography.fernet import InvalidToken
from urllib3.exceptions import HTTPError

from accounts.federation.identity_provider import IdentityProvider
from accounts.federation.refused import Refused
from accounts.federation.web_address import web_address_fault

SECONDS = 5
"""For each silence of the provider's; all of an answer may take LONGEST_SECONDS."""
LONGEST_SECONDS = 10
MAX_BYTES = 262_144
Json = dict[str, Any]


def configuration(provider: IdentityProvider) -> Json:
    """The provider's discovery document. Raises Refused.

    https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation
    """
    found = _get(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration", "configuration")
    if found.get("issuer") != provider.issuer:
        raise Refused("configuration", f"issuer {provider.issuer}", str(found.get("issuer")))
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        _address(found, name)
    return found


def key_set(found: Json) -> list[Json]:
    """The provider's public keys. Raises Refused."""
    keys = _get(_address(found, "jwks_uri"), "keys").get("keys")
    if not isinstance(keys, list):
        raise Refused("keys", "a JSON Web Key Set", type(keys).__name__)
    return [key for key in keys if isinstance(key, dict)]


def userinfo(found: Json, access_token: str) -> Json:
    """What the userinfo endpoint says. Raises Refused."""
    return _get(_address(found, "userinfo_endpoint"), "userinfo", {"Authorization": f"Bearer {access_token}"})


def tokens(provider: IdentityProvider, found: Json, form: Json) -> Json:
    """What the token endpoint answers to the form, sent with our client authentication. Raises Refused.

    https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
    """
    try:
        secret = provider.secret
    except InvalidToken as error:
        raise Refused("secret", "a secret that KEY_ENCRYPTION_KEYS open", "another one") from error
    auth: Any = _nothing
    if secret and provider.token_endpoint_auth_method == IdentityProvider.AuthMethod.BASIC:
        auth = (quote(provider.client_id, safe=""), quote(secret, safe=""))
    else:
        form = {**form, "client_id": provider.client_id, **({"client_secret": secret} if secret else {})}
    status, answer = _call("POST", _address(found, "token_endpoint"), data=form, auth=auth)
    if status != 200:
        told = answer.get("error") if isinstance(answer, dict) else None
        raise Refused("token_endpoint", "tokens for the code", f"{status} {str(told)[:60]}")
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise Refused("token_endpoint", "tokens for the code", "an answer without access_token")
    return answer


def _address(found: Json, name: str) -> str:
    address = found.get(name)
    if not isinstance(address, str):
        raise Refused("configuration", name, "nothing")
    fault = web_address_fault(address.partition("?")[0])
    if fault or not address.isascii() or not address.isprintable() or "#" in address or " " in address:
        raise Refused("configuration", name, f"an address that {fault or 'is not a URL.'}")
    return address


def _get(url: str, rule: str, headers: dict[str, str] | None = None) -> Json:
    status, answer = _call("GET", url, headers={"Accept": "application/json", **(headers or {})})
    if status != 200 or not isinstance(answer, dict):
        raise Refused(rule, f"a JSON object at {url}", f"{status} {type(answer).__name__}")
    return answer


def _call(method: str, url: str, **more: Any) -> tuple[int, Any]:
    """Status and JSON (None if it is none). Raises Refused if nobody answers."""
    if fault := web_address_fault(url.partition("?")[0]):
        raise Refused("reachable", "an https address", f"an address that {fault}")
    more.setdefault("auth", _nothing)
    until = time.monotonic() + LONGEST_SECONDS
    try:
        with requests.request(
            method, url, timeout=SECONDS, allow_redirects=False, stream=True, **more
        ) as answer:
            return answer.status_code, _read(answer, until)
    except (requests.RequestException, HTTPError) as error:
        raise Refused("reachable", f"an answer from {url}", type(error).__name__) from error


def _nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authentication at all; without a word about it, requests would look into the operator's .netrc."""
    return request


def _read(answer: requests.Response, until: float) -> Any:
    """The JSON of an answer, None if it is none. Raises Refused for one that is long, or drips in slowly."""
    body = bytearray()
    while chunk := answer.raw.read1(16_384, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise Refused("reachable", f"at most {MAX_BYTES} bytes", "more")
        if time.monotonic() > until:
            raise Refused("reachable", f"an answer within {LONGEST_SECONDS} seconds", "a slower one")
    try:
        return orjson.loads(bytes(body))
    except orjson.JSONDecodeError:
        return None
