"""The forms of second factors: codes, and what passkeys answer."""

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms

from accounts import events
from accounts.forms import LabelledForm
from accounts.models import User

LONGEST_CODE, LONGEST_NAME = 32, 60
_UNREADABLE = (TypeError, ValueError, KeyError, IndexError, AttributeError)
"""What the libraries raise on an answer of a passkey that is none."""


class CodeFieldForm(LabelledForm):
    """A form with one code in it, which people copy from elsewhere."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.fields["code"]
        code.widget.attrs |= {"maxlength": LONGEST_CODE, "autocapitalize": "none", "spellcheck": "false"}


class ToldForm(forms.Form):
    """A form that proves something, or else is told to the audit trail. `step` says what it proves it for."""

    step = "second factor"
    user: User | None

    def full_clean(self) -> None:
        """Look at what was sent, once."""
        super().full_clean()
        if self.is_bound and self.errors:
            events.factor_refused(self, self.user, step=self.step)


class CodeForm(ToldForm, CodeFieldForm, AuthenticateForm):  # type: ignore[misc]  # allauth ships no types
    """The second step of signing in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "Code from your authenticator app, or a recovery code"
        self.fields["code"].widget.attrs["autofocus"] = True


class CodeAgainForm(ToldForm, CodeFieldForm, ReauthenticateForm):  # type: ignore[misc]  # allauth ships no types
    """A code, of somebody who is signed in, before something weighty."""

    step = "again"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "Code from your authenticator app, or a recovery code"


class NewAppForm(CodeFieldForm, ActivateTOTPForm):  # type: ignore[misc]  # allauth ships no types
    """The first code of an authenticator app, which shows that it has the secret."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "Code that the app shows now"
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


class AnswerField(forms.JSONField):
    """What a passkey answers, as a script of the page sends it: JSON, an object."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        """The object. Raises ValidationError for anything else, of whatever depth."""
        try:
            answer = super().to_python(value)
        except (forms.ValidationError, RecursionError) as error:
            raise get_adapter().validation_error("incorrect_code") from error
        if not answer or not isinstance(answer, dict):
            raise get_adapter().validation_error("incorrect_code")
        return answer


class ReadableAnswer(ToldForm):
    """A passkey's answer is refused like any wrong one where it cannot be read at all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"] = AnswerField()

    def clean_credential(self) -> Authenticator:
        """Whose passkey it is. Raises ValidationError for any answer that is not right."""
        try:
            authenticator: Authenticator = super().clean_credential()  # type: ignore[misc]  # of allauth's forms
        except _UNREADABLE as error:
            raise get_adapter().validation_error("incorrect_code") from error
        return authenticator


class PasskeyForm(ReadableAnswer, AuthenticateWebAuthnForm):  # type: ignore[misc]  # allauth ships no types
    """The second step of signing in, by passkey."""


class PasskeyAgainForm(ReadableAnswer, ReauthenticateWebAuthnForm):  # type: ignore[misc]  # allauth ships no types
    """A passkey, of somebody who is signed in, before something weighty."""

    step = "again"


class PasskeySignInForm(ReadableAnswer, LoginWebAuthnForm):  # type: ignore[misc]  # allauth ships no types
    """Sign-in by passkey alone."""

    step = "passkey alone"


class PasskeyNameForm(EditWebAuthnForm):  # type: ignore[misc]  # allauth ships no types
    """What the person calls a passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = forms.CharField(
            max_length=LONGEST_NAME,
            initial=self.fields["name"].initial,
            help_text="So that you know it again.",
        )


class NewPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth ships no types
    """A new passkey, and its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = forms.CharField(
            max_length=LONGEST_NAME, required=False, help_text="So that you know it again."
        )
        self.fields["credential"] = AnswerField()
        passwordless = self.fields["passwordless"]
        passwordless.label = "Sign in with this passkey alone"
        passwordless.help_text = (
            "Without user name and password. Your device then asks for its PIN, your finger or your face."
        )
        self.order_fields(["name", "passwordless", "credential"])

    def clean(self) -> dict[str, Any]:
        """The answer of the new passkey. Raises ValidationError for any that is not right."""
        try:
            cleaned: dict[str, Any] = super().clean()
        except _UNREADABLE as error:
            raise get_adapter().validation_error("incorrect_code") from error
        return cleaned
