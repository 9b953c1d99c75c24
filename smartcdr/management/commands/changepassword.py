"""manage.py changepassword: a password that the operator sets ends what was signed in with the old one."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.utils import timezone

from accounts.models import User


class Command(changepassword.Command):
    """Django's own command, after which every token given before is dead, as in the console."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Ask for the password and set it. Raises CommandError, and then nothing has changed."""
        username = options["username"] or getpass.getuser()
        told = super().handle(*args, **{**options, "username": username})
        people = User.objects.using(options["database"])
        people.filter(username=username).update(credentials_reset_at=timezone.now())
        return told
