"""What all tables have in common that staff look at and act on, but never type into."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """No adding, changing or deleting; actions ask for the permission that Django calls "change"."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come about by what people and apps do."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing in a row is typed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows stay as a record."""
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may use the actions of this table."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")
