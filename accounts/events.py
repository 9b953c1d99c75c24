"""What happens to accounts, told to the audit trail: in the transaction of what happens, where there is one.

A person is named only where there is such an account, and by its subject identifier: what was typed as a user
name may be a password.
"""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.utils import filter_users_by_username
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.forms import BaseForm
from django.http import HttpRequest

from accounts.models import Proxy, User
from audit.events import Event
from audit.origin import client_address
from audit.recording import record

ATTEMPT = "attempt"
"""Session key: the reference code of the authorization that waits for the person."""
_FACTORS = {
    Authenticator.Type.TOTP: "authenticator app",
    Authenticator.Type.WEBAUTHN: "passkey",
    Authenticator.Type.RECOVERY_CODES: "recovery codes",
}
_TOO_MANY = "too_many_login_attempts"


def tell(
    kind: str, outcome: str, account: User | None, *, status: int = 0, patient: str = "", **detail: Any
) -> None:
    """Record what happened to an account, under the request that this thread is answering, if it is.

    The person is whoever is signed in there, else the account's; where somebody else's account is meant,
    `what` and `account` in the detail name it.
    """
    request = context.request
    signed_in = getattr(request, "user", None)
    person = signed_in if isinstance(signed_in, User) else account
    is_other = account is not None and person is not None and account.pk != person.pk
    if is_other and account is not None:
        detail["account"] = str(account.uid)
    record(
        Event(
            kind,
            outcome,
            status,
            person=str(person.uid) if person else "",
            patient=patient,
            what=f"accounts.user/{account.pk}" if is_other and account else "",
            address=client_address(request.META) if request else "",
            attempt=_attempt(request),
            detail={name: value for name, value in detail.items() if value not in ("", None)},
        )
    )


def _attempt(request: HttpRequest | None) -> str:
    session = getattr(request, "session", None)
    return str(session.get(ATTEMPT, "")) if session is not None else ""


def signed_in(sender: type, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """A receiver of allauth's `user_logged_in`: somebody came in, by whatever proofs."""
    records = get_authentication_records(request, user)
    proofs = [str(each.get("type") or each.get("provider") or each.get("method")) for each in records]
    tell("sign-in", "allowed", user, proofs=proofs, staff="yes" if user.is_staff else "")


def proven_again(sender: type, request: HttpRequest, user: User, method: str, **how: Any) -> None:
    """A receiver of allauth's `authentication_step_completed`: somebody who is signed in proved it anew.

    The steps of a sign-in come by here too; that is told when it is complete.
    """
    is_new = how.get("reauthenticated") or (method == "socialaccount" and request.user.is_authenticated)
    if is_new:
        proof = str(how.get("type") or how.get("provider") or method)
        tell("sign-in", "allowed", user, step="again", proofs=[proof])


def signed_out(sender: type, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """A receiver of Django's `user_logged_out`."""
    if user is not None:
        tell("sign-out", "allowed", user)


def password_refused(request: HttpRequest, username: str, *, too_many: bool = False) -> None:
    """A user name and a password that did not open an account; with `too_many`, not even looked at."""
    account = filter_users_by_username(username).first() if username else None
    again = "again" if request.user.is_authenticated else ""
    why: dict[str, Any]
    if too_many:
        why = {
            "rule": "failed tries",
            "expected": "as few failed tries as are allowed within five minutes",
            "received": "one more",
            "cause": "There were too many failed tries for this account: the password was not looked at.",
        }
    elif account is None:
        why = {"rule": "account", "cause": "There is no account of the user name that was given."}
    else:
        why = {"rule": "password", "cause": "The password was wrong."}
    tell("sign-in", "refused", account, step=again, **why)


def inactive_refused(account: User) -> None:
    """Somebody proved who they are, and the account is switched off."""
    tell("sign-in", "refused", account, rule="active", cause="The account is switched off.")


def rate_refused(kind: str, page: str) -> None:
    """A page of the account was asked for too often, by one address or one person: nothing of this try was
    looked at (429).
    """
    cause = "There were too many tries within a minute: nothing of this one was looked at."
    tell(kind, "refused", None, status=429, rule="tries within a minute", page=page, cause=cause)


def factor_refused(form: BaseForm, account: User | None, *, step: str) -> None:
    """A form with a code or a passkey's answer that proved nothing, at this `step`: "second factor", "again"
    or "passkey alone".
    """
    codes = [error.code for errors in form.errors.as_data().values() for error in errors]
    is_too_many = _TOO_MANY in codes
    rule = "failed tries" if is_too_many else "second factor"
    cause = "The code, or the passkey's answer, was wrong."
    if is_too_many:
        cause = "There were too many failed tries for this account: the second factor was not looked at."
    tell("sign-in", "refused", account, step=step, rule=rule, cause=cause)


def password_set(account: User, change: str) -> None:
    """A password was changed by its owner, or set or taken away by staff. It ends other sessions; what staff
    do ends tokens as well.
    """
    tell("password", "allowed", account, change=change)


def old_password_refused(account: User) -> None:
    """Whoever is signed in could not give the password that they want to change."""
    tell("password", "refused", account, rule="password", cause="The present password was wrong.")


def factor_saved(
    sender: type, instance: Authenticator, created: bool, raw: bool = False, **kwargs: Any
) -> None:
    """A `post_save` receiver of second factors: new ones are told, uses are not."""
    if created and not raw:
        tell("factor", "allowed", instance.user, change="added", factor=_FACTORS[instance.type])


def factor_deleted(sender: type, instance: Authenticator, **kwargs: Any) -> None:
    """A `post_delete` receiver of second factors."""
    account = User.objects.filter(pk=instance.user_id).first()
    tell("factor", "allowed", account, change="removed", factor=_FACTORS[instance.type])


def factors_reset(account: User) -> None:
    """Staff took all second factors away, which ends every session and every token of the person."""
    tell("factor", "allowed", account, change="reset", ends="every session and every token")


def session_ended(account: User, browser: str, address: str) -> None:
    """The owner signed a browser out, by the list of sessions; `address` is where that one had signed in."""
    tell("session", "allowed", account, change="ended", browser=browser, signed_in_from=address)


def proxy_saved(sender: type, instance: Proxy, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """A `post_save` receiver of proxies."""
    if not raw:
        _tell_proxy(instance, "granted" if created else "changed")


def proxy_deleted(sender: type, instance: Proxy, **kwargs: Any) -> None:
    """A `post_delete` receiver of proxies."""
    _tell_proxy(instance, "taken away")


def _tell_proxy(proxy: Proxy, change: str) -> None:
    tell(
        "proxy",
        "allowed",
        User.objects.filter(pk=proxy.user_id).first(),
        patient=proxy.patient,
        change=change,
        active="yes" if proxy.active else "no",
        starts=proxy.starts and proxy.starts.isoformat(),
        ends=proxy.ends and proxy.ends.isoformat(),
    )
