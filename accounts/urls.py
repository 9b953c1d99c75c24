"""Sign-in, sign-out and the password. Sign-up and e-mail do not exist: staff make the accounts.

The names are those that django-allauth looks for.
"""

from allauth.account import views as allauth_views
from django.urls import path
from django.views.decorators.cache import never_cache

from accounts import views

# They name whoever is signed in, so that no cache may keep them.
urlpatterns = [
    path("login/", never_cache(views.SignInView.as_view()), name="account_login"),
    path("logout/", never_cache(allauth_views.logout), name="account_logout"),
    path("inactive/", never_cache(allauth_views.account_inactive), name="account_inactive"),
    path("reauthenticate/", never_cache(views.ConfirmPasswordView.as_view()), name="account_reauthenticate"),
    path("password/change/", never_cache(views.ChangePasswordView.as_view()), name="account_change_password"),
]
