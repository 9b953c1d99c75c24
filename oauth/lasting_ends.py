"""Dead stays dead: what ends tokens revokes them as well, so that undoing it later revives none.

Receivers of `post_save` and `post_delete`; connected in oauth.apps.
"""

from typing import Any

from accounts.models import Proxy, User
from oauth.models import Application
from oauth.revocation import revoke_all


def client_saved(sender: type, instance: Application, **kwargs: Any) -> None:
    """A client that is not live has no tokens."""
    if not instance.is_live:
        revoke_all(application=instance)


def user_saved(sender: type, instance: User, **kwargs: Any) -> None:
    """Nobody acts in the name of a person who was deactivated."""
    if not instance.is_active:
        revoke_all(user=instance)


def proxy_changed(sender: type, instance: Proxy, **kwargs: Any) -> None:
    """Where a proxy ended or was taken away, its tokens for that patient end for good."""
    if not Proxy.objects.in_force().filter(pk=instance.pk).exists():
        revoke_all(user=instance.user_id, launch_context__patient=instance.patient)
