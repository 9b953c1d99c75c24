"""What all tables have in common that staff look at and act on, but never type into."""

from django.http import HttpRequest

from audit.console.look_only import LookOnlyAdmin


class ReadOnlyAdmin(LookOnlyAdmin):
    """Looked at, and acted on: actions ask for the permission that Django calls "change"."""

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may use the actions of this table."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")
