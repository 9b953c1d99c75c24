"""Sign-in, sign-out and the password: django-allauth's views, with what our pages need on top."""

from typing import Any

from allauth.account.views import LoginView, PasswordChangeView, ReauthenticateView
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as ReauthenticateByCodeView
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import method_decorator

from accounts.federation.identity_provider import IdentityProvider

SIGN_IN_FOR = "sign_in_for"
"""Session key: {"next": …, "app": …}, left by the page that sends somebody here to sign in for an app."""
LOGIN_HINT = "login_hint"
"""Session key: the user name that the app believes is the person's."""


class NamesWaitingApp:
    """For the pages that ask who somebody is: they name the app that waits for the person, if one does."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `app`, the waiting app's name, only where `next` is the very page that announced it."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]  # of allauth's views
        waiting = self.request.session.get(SIGN_IN_FOR) or {}
        if waiting.get("next") and waiting["next"] == context.get("redirect_field_value"):
            context["app"] = waiting.get("app", "")
        return context


class SignInView(NamesWaitingApp, LoginView):  # type: ignore[misc]  # allauth ships no types
    """The sign-in page."""

    def get_initial(self) -> dict[str, Any]:
        """Fill in the hinted user name: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest."""
        return {**super().get_initial(), "login": self.request.session.get(LOGIN_HINT, "")}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `providers`, at which people may sign in instead."""
        return {
            **super().get_context_data(**kwargs),
            "providers": IdentityProvider.objects.filter(active=True),
        }


class ConfirmPasswordView(NamesWaitingApp, ReauthenticateView):  # type: ignore[misc]  # allauth ships no types
    """The password once more, of somebody who is signed in."""


class SecondStepView(AuthenticateView):  # type: ignore[misc]  # allauth ships no types
    """The second step of signing in, in the ways that this person has."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `ways`: the kinds of factors."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        factors = Authenticator.objects.filter(user=self.stage.login.user)
        context["ways"] = list(factors.values_list("type", flat=True))
        return context


class ConfirmCodeView(NamesWaitingApp, ReauthenticateByCodeView):  # type: ignore[misc]  # allauth ships no types
    """A code of the second factor, of somebody who is signed in."""


class ConfirmPasskeyView(NamesWaitingApp, ReauthenticateWebAuthnView):  # type: ignore[misc]  # allauth ships no types
    """A passkey, of somebody who is signed in."""

    def form_invalid(self, form: Any) -> HttpResponseBase:
        """Show the page once more; allauth would go to the sign-in page, and forget where to go on."""
        for message in form.errors.get("credential", []):
            messages.error(self.request, message)
        return self.render_to_response(self.get_context_data())  # type: ignore[no-any-return]


@method_decorator(login_required, name="dispatch")
class ChangePasswordView(PasswordChangeView):  # type: ignore[misc]  # allauth ships no types
    """The change of one's own password."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """People without a password here (they sign in elsewhere) have none to change."""
        if request.user.is_authenticated and not request.user.has_usable_password():
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


class RemovePasskeyView(RemoveWebAuthnView):  # type: ignore[misc]  # allauth ships no types
    """A passkey is removed by its owner, unless it has to stay."""

    def form_valid(self, form: Form) -> HttpResponseBase:
        """Remove it. allauth asks the adapter about authenticator apps alone."""
        adapter = get_mfa_adapter()
        if not adapter.can_delete_authenticator(self.object):
            form.add_error(None, adapter.validation_error("cannot_delete_authenticator"))
            refused: HttpResponseBase = self.form_invalid(form)
            return refused
        response: HttpResponseBase = super().form_valid(form)
        return response
