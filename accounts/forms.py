"""The forms with which people prove who they are, and with which staff set a password."""

from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm, ReauthenticateForm
from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
from django.db import transaction
from django.utils import timezone

from accounts import events
from accounts.models import User


class LabelledForm(forms.Form):
    """A form whose fields are named by their labels alone: a placeholder vanishes as soon as one types."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class SignInForm(LabelledForm, LoginForm):  # type: ignore[misc]  # allauth ships no types
    """User name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["login"]
        # An app may say who it expects: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
        name.initial = self.request.session.get("login_hint", "") if self.request else ""
        name.label = "User name"
        name.widget.attrs |= {"autofocus": True, "autocapitalize": "none", "spellcheck": "false"}


class OwnPasswordForm(LabelledForm, ChangePasswordForm):  # type: ignore[misc]  # allauth ships no types
    """A person's change of their own password. Their apps stay signed in: nobody else has set it."""

    def clean_oldpassword(self) -> str:
        """The password until now. Raises ValidationError for any other."""
        try:
            return str(super().clean_oldpassword())
        except forms.ValidationError:
            events.old_password_refused(self.user)
            raise


class ConfirmPasswordForm(LabelledForm, ReauthenticateForm):  # type: ignore[misc]  # allauth ships no types
    """The password once more, before something weighty."""


class StaffPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A password that staff set for somebody: from then on every token given before is dead."""

    def save(self, commit: bool = True) -> User:
        """Set the password and stamp the moment, together."""
        self.user.credentials_reset_at = timezone.now()
        with transaction.atomic():
            person: User = super().save(commit)
            is_set = person.has_usable_password()
            events.password_set(person, "set by staff" if is_set else "taken away by staff")
        return person


class UserForm(UserChangeForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A person's record in the admin."""

    class Meta(UserChangeForm.Meta):
        model = User
