"""The three permission groups for the admin console, kept by every `migrate` exactly as they stand here.

Hospitals that want other shades make groups of their own; these three are ours and never hold more than this.
"""

from collections.abc import Mapping
from typing import Any

from django.apps import AppConfig
from django.apps.registry import Apps
from django.apps.registry import apps as installed
from django.contrib.auth.management import create_permissions

APP_MANAGER = "App manager"
AUDITOR = "Auditor"
ADMINISTRATOR = "Administrator"

Rights = Mapping[str, str]
"""Model name, or * for every model of the app → letters: a add, c change, d delete, v view."""

ACTIONS = {"a": "add", "c": "change", "d": "delete", "v": "view"}

GROUPS: Mapping[str, Mapping[str, Rights]] = {
    # Registers apps and revokes their tokens. Sees no FHIR resource and no person's account.
    APP_MANAGER: {
        "oauth": {
            "application": "acv",
            "clientsecret": "acdv",
            "fetchedkeyset": "cv",
            "initialaccesstoken": "acv",
            "clientregistration": "v",
            "scope": "v",
            "trustedissuer": "v",
            "consent": "cv",
            "accesstoken": "cv",
            "refreshtoken": "cv",
        },
        "launch": {"launchcontext": "v"},
        # Why an app was refused, step by step; not what was read in whose record.
        "audit": {"attempt": "v"},
    },
    # Looks at everything that says who may do what and who did; changes nothing, and reads no FHIR resource.
    AUDITOR: {
        "accounts": {"*": "v"},
        "socialaccount": {"socialaccount": "v"},
        "auth": {"group": "v"},
        "admin": {"logentry": "v"},
        "oauth": {"*": "v"},
        "launch": {"*": "v"},
        "audit": {"*": "v"},
    },
    # Runs the whole, and alone may look at FHIR resources. Accounts are switched off, not deleted.
    ADMINISTRATOR: {
        "accounts": {"user": "acv", "proxy": "acdv", "identityprovider": "acdv"},
        "socialaccount": {"socialaccount": "acdv"},
        "auth": {"group": "acdv"},
        "admin": {"logentry": "v"},
        "oauth": {"*": "acdv"},
        "launch": {"*": "v"},
        "audit": {"*": "v"},
        "fhir": {"resource": "v", "resourceversion": "v"},
    },
}


def keep_groups(sender: AppConfig, using: str, apps: Apps = installed, **kwargs: Any) -> None:
    """After `sender`'s migrations: give each group its permissions on that app's models, and no others there.

    `apps` is the state of the models so far (all of them after a flush, which says nothing); before the
    groups' own tables are there, nothing happens.
    """
    if "group" not in apps.all_models["auth"]:
        return
    from django.contrib.auth.models import Group, Permission

    create_permissions(sender, verbosity=0, using=using)
    of_app = Permission.objects.using(using).filter(content_type__app_label=sender.label)
    for name, rights in GROUPS.items():
        group, _ = Group.objects.using(using).get_or_create(name=name)
        wanted = [
            item
            for item in of_app.select_related("content_type")
            if _holds(rights.get(sender.label, {}), item)
        ]
        group.permissions.remove(*of_app.exclude(pk__in=[item.pk for item in wanted]))
        group.permissions.add(*wanted)


def _holds(rights: Rights, permission: Any) -> bool:
    model = permission.content_type.model
    letters = rights.get(model, rights.get("*", ""))
    return permission.codename in {f"{ACTIONS[letter]}_{model}" for letter in letters}
