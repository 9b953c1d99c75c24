"""Sign-in, sign-out, the password, second factors and sessions. Sign-up and e-mail do not exist: staff make
the accounts.

The names are those that django-allauth looks for.
"""

from functools import wraps
from typing import Any

from allauth.account import views as allauth_views
from allauth.account.internal.flows.reauthentication import suspend_request
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache

from accounts import events, sessions, views
from accounts.federation import views as federation
from accounts.models import User
from accounts.recent_proof import has_proven_recently
from accounts.second_factor import not_shown


def page(route: str, view: Any, name: str) -> URLPattern:
    """A page that no cache may keep, as it names whoever is signed in or shows their secrets. Where it was
    asked for too often, the audit trail is told.
    """

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        if response.status_code == 429:
            events.rate_refused("password" if name == "account_change_password" else "sign-in", route)
        return response

    pattern: URLPattern = path(route, never_cache(answered), name=name)
    return pattern


def weighty(route: str, view: Any, name: str) -> URLPattern:
    """A page for those who have proven lately who they are, and whose session has shown their second factor,
    if they have one. django-allauth asks for a proof too, though not of people who have no password here.
    What it changes stands or falls with what the audit trail is told.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not has_proven_recently(request):
            raise ReauthenticationRequired
        if isinstance(request.user, User) and (missing := not_shown(request, request.user)):
            suspended: HttpResponseBase = suspend_request(request, missing)
            return suspended
        with transaction.atomic():
            response: HttpResponseBase = view(request, *args, **kwargs)
        return response

    return page(route, checked, name)


urlpatterns = [
    page("login/", views.SignInView.as_view(), "account_login"),
    page("logout/", allauth_views.logout, "account_logout"),
    page("inactive/", allauth_views.account_inactive, "account_inactive"),
    page("reauthenticate/", views.ConfirmPasswordView.as_view(), "account_reauthenticate"),
    page(
        "reauthenticate/elsewhere/",
        federation.ConfirmElsewhereView.as_view(),
        "account_reauthenticate_elsewhere",
    ),
    page("elsewhere/<slug:provider_id>/", federation.leave, "openid_connect_login"),
    page("elsewhere/<slug:provider_id>/callback/", federation.come_back, "openid_connect_callback"),
    page("password/change/", views.ChangePasswordView.as_view(), "account_change_password"),
    page("sessions/", sessions.SessionsView.as_view(), "usersessions_list"),
    page("security/", mfa.index, "mfa_index"),
    page("security/authenticate/", views.SecondStepView.as_view(), "mfa_authenticate"),
    page("security/reauthenticate/", views.ConfirmCodeView.as_view(), "mfa_reauthenticate"),
    weighty("security/app/add/", totp.activate_totp, "mfa_activate_totp"),
    weighty("security/app/remove/", totp.deactivate_totp, "mfa_deactivate_totp"),
    weighty("security/codes/", codes.view_recovery_codes, "mfa_view_recovery_codes"),
    weighty("security/codes/new/", codes.generate_recovery_codes, "mfa_generate_recovery_codes"),
    weighty("security/codes/download/", codes.download_recovery_codes, "mfa_download_recovery_codes"),
    page("security/passkeys/", passkeys.list_webauthn, "mfa_list_webauthn"),
    weighty("security/passkeys/add/", passkeys.add_webauthn, "mfa_add_webauthn"),
    page("security/passkeys/login/", passkeys.login_webauthn, "mfa_login_webauthn"),
    page(
        "security/passkeys/reauthenticate/", views.ConfirmPasskeyView.as_view(), "mfa_reauthenticate_webauthn"
    ),
    weighty("security/passkeys/<int:pk>/remove/", views.RemovePasskeyView.as_view(), "mfa_remove_webauthn"),
    weighty("security/passkeys/<int:pk>/edit/", passkeys.edit_webauthn, "mfa_edit_webauthn"),
]
