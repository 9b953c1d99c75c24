"""The pages of federated sign-in: off to the provider, and back."""

from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.account.views import BaseReauthenticateView
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import consume_or_429
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_http_methods

from accounts.federation.identity_provider import providers_of
from accounts.federation.provider import CodeFlow
from accounts.federation.refused import Refused, refusal_page
from accounts.views import NamesWaitingApp


@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the person to the provider. By a page, as browsers hold what follows a form to `form-action`."""
    if request.method == "GET":
        return redirect("account_reauthenticate" if request.user.is_authenticated else "account_login")
    limited: HttpResponse | None = consume_or_429(request, action="federated_sign_in")
    if limited is not None:
        return limited
    try:
        provider = get_adapter().get_provider(request, provider_id)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    next_url = get_next_redirect_url(request)
    try:
        gone: HttpResponse = provider.redirect(request, AuthProcess.LOGIN, next_url=next_url)
    except ImmediateHttpResponse as ended:
        page: HttpResponse = ended.response
        return page
    except Refused as refused:
        return refusal_page(request, provider.app.name, provider_id, refused, next_url or "")
    return render(request, "account/elsewhere.html", {"url": gone["Location"], "name": provider.app.name})


class _ComingBack(OAuth2CallbackView):  # type: ignore[misc]  # allauth ships no types
    """allauth's, which forgets what was asked until all is over: the nonce is needed before. It also asks the
    provider for its documents before it is ready to hear of a failure.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Let the person in, or show why not."""
        try:
            response: HttpResponse = super().dispatch(request, *args, **kwargs)
        except Refused as refused:
            provider = self.adapter.identity_provider
            next_url = self.adapter.asked.get("next", "")
            return refusal_page(request, provider.name, provider.slug, refused, next_url)
        return response

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[Any, Any]:
        state, response = super()._get_state(request, provider)
        self.adapter.asked = state or {}
        return state, response


@require_GET
def come_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """The provider's answer: our redirect URI."""
    try:
        response: HttpResponse = _ComingBack.adapter_view(CodeFlow(request, provider_id))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    return response


@method_decorator(login_required, name="dispatch")
class ConfirmElsewhereView(NamesWaitingApp, BaseReauthenticateView):  # type: ignore[misc]  # allauth ships no types
    """For somebody who is signed in and has to prove it anew: the providers at which they can."""

    template_name = "account/reauthenticate_elsewhere.html"
    form_class = Form
    http_method_names = ("get",)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `providers`."""
        return {**super().get_context_data(**kwargs), "providers": providers_of(self.request.user)}
