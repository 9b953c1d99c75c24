"""Fresh rate limits and a person for each test."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache

from accounts.models import IdentityProvider, User
from tests.accounts.codes import PASSWORD, code_of
from tests.accounts.openid_provider import Provider, serving


@pytest.fixture(autouse=True)
def fresh_rate_limits() -> Iterator[None]:
    """allauth counts in the cache: no test may feel another one's tries."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def amy(db: None) -> User:
    """A patient."""
    return User.objects.create_user(
        "amy", password=PASSWORD, fhir_user="Patient/amy", first_name="Amy", last_name="Shaw"
    )


@pytest.fixture
def chief(db: None) -> User:
    """A superuser of the console, without a FHIR identity."""
    return User.objects.create_superuser("chief", password=PASSWORD)


@dataclass
class Clock:
    """The clock by which codes are checked: it stands until a test moves it."""

    period: int = 57_000_000

    def code(self, secret: str, periods: int = 0) -> str:
        """What an authenticator app shows so many periods of 30 seconds from now."""
        return code_of(secret, self.period + periods)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A standing clock for codes."""
    standing = Clock()
    monkeypatch.setattr(
        "allauth.mfa.totp.internal.auth.yield_hotp_counters_from_time", lambda: iter([standing.period])
    )
    return standing


@pytest.fixture(scope="session")
def openid_server() -> Iterator[Provider]:
    """Another OpenID provider, for as long as the tests run."""
    with serving() as server:
        yield server


@pytest.fixture
def provider(openid_server: Provider) -> Provider:
    """The provider, flawless until a test says otherwise."""
    vars(openid_server).update(vars(Provider(issuer=openid_server.issuer)))
    return openid_server


@pytest.fixture
def elsewhere(db: None, provider: Provider) -> IdentityProvider:
    """It is registered, with the strict choices."""
    return provider.register()


@pytest.fixture
def doc(elsewhere: IdentityProvider) -> User:
    """Somebody whom staff have linked, and who has no password here."""
    user = User.objects.create_user("doc", fhir_user="Practitioner/doc")
    SocialAccount.objects.create(user=user, provider=elsewhere.slug, uid="17")
    return user
