"""What we ask a provider by HTTP: its documents, its keys, tokens and userinfo.

Staff choose whom we call, so there is no list of networks here. An answer is limited in size and time all the
same, redirects are not followed, and every address has to be https.
"""

from typing import Any
from urllib.parse import quote

import orjson
import requests

from accounts.federation.identity_provider import IdentityProvider
from accounts.federation.refused import Refused
from accounts.federation.web_address import web_address_fault

SECONDS = 5
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
    secret = provider.secret
    auth = None
    if secret and provider.token_endpoint_auth_method == IdentityProvider.AuthMethod.BASIC:
        auth = (quote(provider.client_id, safe=""), quote(secret, safe=""))
    else:
        form = {**form, "client_id": provider.client_id, **({"client_secret": secret} if secret else {})}
    status, answer = _call("POST", _address(found, "token_endpoint"), data=form, auth=auth)
    if status != 200:
        error = answer.get("error") if isinstance(answer, dict) else None
        raise Refused("token_endpoint", "tokens for the code", f"{status} {str(error)[:60]}")
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise Refused("token_endpoint", "tokens for the code", "an answer without access_token")
    return answer


def _address(found: Json, name: str) -> str:
    address = found.get(name)
    if not isinstance(address, str):
        raise Refused("configuration", name, "nothing")
    if fault := web_address_fault(address.partition("?")[0]):
        raise Refused("configuration", name, f"an address that {fault}")
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
    with requests.Session() as session:
        session.trust_env = False  # a .netrc of the operator's is not meant for providers
        try:
            with session.request(
                method, url, timeout=SECONDS, allow_redirects=False, stream=True, **more
            ) as answer:
                body = _read(answer)
                return answer.status_code, body
        except requests.RequestException as error:
            raise Refused("reachable", f"an answer from {url}", type(error).__name__) from error


def _read(answer: requests.Response) -> Any:
    body = bytearray()
    for chunk in answer.iter_content(16_384):
        body += chunk
        if len(body) > MAX_BYTES:
            raise Refused("reachable", f"at most {MAX_BYTES} bytes", "more")
    try:
        return orjson.loads(bytes(body))
    except orjson.JSONDecodeError:
        return None
