"""How django-allauth's federated sign-in behaves here: providers are ours, and we say who may come in."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.account.utils import perform_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.http import urlencode

from accounts.federation.admission import admit, identity_of
from accounts.federation.id_token import proven_at
from accounts.federation.identity_provider import IdentityProvider
from accounts.federation.provider import FederatedProvider, app_of
from accounts.federation.refused import Refused, refusal_page
from accounts.models import User


class FederationAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Registered providers, and the decision about everybody who comes from one."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """The providers in use, or the one of that short name; read anew each time."""
        found = IdentityProvider.objects.filter(active=True)
        if provider is not None:
            found = found.filter(slug=provider)
        if client_id is not None:
            found = found.filter(client_id=client_id)
        return [app_of(each) for each in found]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """allauth makes no accounts; `accounts.federation.admission` does, if a provider may bring people."""
        return False

    def authenticate_by_email(self, sociallogin: SocialLogin) -> None:
        """An e-mail address is no proof of anything."""

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: FederatedProvider,
        error: str | None = None,
        exception: BaseException | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Show our own page, and write down why. Always raises ImmediateHttpResponse."""
        state = (extra_context or {}).get("state")
        if isinstance(exception, Refused):
            refused = exception
        elif exception is not None:
            refused = Refused("exchange", "a sign-in", type(exception).__name__)
        elif state is None:
            refused = Refused("state", "a sign-in that this browser began", "another one, or none")
        elif error == AuthError.CANCELLED:
            refused = Refused("cancelled", "a sign-in", "access_denied")
        else:
            refused = Refused("answer", "a code", request.GET.get("error", "")[:100])
        next_url = (state or {}).get("next", "")
        name, slug = provider.app.name, provider.app.provider_id
        raise ImmediateHttpResponse(refusal_page(request, name, slug, refused, next_url))

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Let in whom the provider vouches for: always raises ImmediateHttpResponse, or Refused."""
        provider: IdentityProvider = sociallogin.provider.app.identity_provider
        state, claims = sociallogin.state, sociallogin.claims
        begun_by = state.get("person")
        at = proven_at(claims, None if begun_by is None else state["sent"])
        if request.user.is_authenticated or begun_by is not None:
            _refuse_another_person(request, provider, claims, begun_by)
        user = admit(provider, claims)
        record_authentication(request, user, "socialaccount", at=at, provider=provider.slug)
        if request.user.is_authenticated:
            raise ImmediateHttpResponse(_go_on(request, state.get("next")))
        raise ImmediateHttpResponse(perform_login(request, user, redirect_url=state.get("next")))


def _refuse_another_person(
    request: HttpRequest, provider: IdentityProvider, claims: dict[str, Any], begun_by: int | None
) -> None:
    """Whoever is signed in goes on as the same person, or not at all. Raises Refused."""
    link = provider.links.filter(uid=identity_of(provider, claims)).first()
    is_same = request.user.is_authenticated and link is not None and link.user_id == request.user.pk
    if not is_same or begun_by not in (None, request.user.pk):
        raise Refused("same_person", "the person who is signed in here", "another one")


def _go_on(request: HttpRequest, next_url: str | None) -> HttpResponse:
    """Where the person was when they were asked for a proof; a form that they had sent is taken up again."""
    if not isinstance(request.user, User):
        raise TypeError("Somebody who is signed in goes on.")
    request.GET = QueryDict(urlencode({"next": next_url or settings.LOGIN_REDIRECT_URL}))
    response: HttpResponse | None = resume_request(request)
    return response or HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)
