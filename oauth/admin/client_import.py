"""The import of clients in the admin console: a file, a preview of what would change, and a confirmation."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from oauth.client_exchange.importing import ChangedMeanwhile, Unacceptable, carry_out
from oauth.client_exchange.planning import Entry, Plan, plan
from oauth.client_exchange.reading import LARGEST, BadFile
from oauth.client_exchange.sealed import Previewed, seal, unseal
from oauth.client_exchange.words import shown

_LIST = "admin:oauth_application_changelist"


class FileForm(forms.Form):
    """Which file, and whether the statuses in it count."""

    file = forms.FileField(
        label="JSON file",
        help_text="What “Export as JSON” gives, or client definitions of Smile CDR. You see what would "
        "change before anything does.",
    )
    with_status = forms.BooleanField(
        required=False,
        label="Take each client's status from the file",
        help_text="Else new clients start as drafts, and those that are here keep their status.",
    )

    def clean_file(self) -> str:
        """The file's text."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(f"The file is longer than {LARGEST} bytes.")
        try:
            return str(file.read().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError("The file is not a text in UTF-8.") from error


def import_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """GET asks for a file; POST with a `file` shows the preview, POST with `sealed` carries it out."""
    if not (model_admin.has_add_permission(request) and model_admin.has_change_permission(request)):
        raise PermissionDenied
    if request.method == "POST" and "sealed" in request.POST:
        return _confirm(model_admin, request)
    form = FileForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        text, with_status = form.cleaned_data["file"], form.cleaned_data["with_status"]
        try:
            return _preview(model_admin, request, text, plan(text, with_status=with_status), with_status)
        except BadFile as bad:
            form.add_error("file", str(bad))
    return _page(model_admin, request, "import_clients.html", {"title": "Import clients", "form": form})


def _confirm(model_admin: Any, request: HttpRequest) -> HttpResponse:
    previewed = unseal(request.POST["sealed"], str(request.user.pk))
    if previewed is None:
        messages.error(request, "The preview is too old, or is not yours. Choose the file again.")
        return redirect("admin:oauth_application_import")
    try:
        with transaction.atomic():
            done = carry_out(previewed.text, previewed.fingerprint, with_status=previewed.with_status)
            for entry in done.entries:
                _log(model_admin, request, entry)
    except (ChangedMeanwhile, Unacceptable) as error:
        messages.warning(request, str(error))
        return _preview(model_admin, request, previewed.text, error.plan, previewed.with_status)
    kinds = [entry.kind for entry in done.entries]
    messages.success(request, f"Imported: {kinds.count('new')} new, {kinds.count('changed')} changed.")
    return redirect(_LIST)


def _log(model_admin: Any, request: HttpRequest, entry: Entry) -> None:
    """The console's history of each client has the import."""
    if entry.kind == "new":
        model_admin.log_addition(request, entry.application, "Imported from a file.")
    elif entry.kind == "changed":
        members = ", ".join(dict.fromkeys(change.member for change in entry.changes))
        model_admin.log_change(request, entry.application, f"Imported from a file: {members}.")


def _preview(
    model_admin: Any, request: HttpRequest, text: str, found: Plan, with_status: bool
) -> HttpResponse:
    can_go_on = found.changes_anything and not found.has_faults
    previewed = Previewed(text, with_status, found.fingerprint, str(request.user.pk))
    context = {
        "title": "What the import would change",
        "entries": [_row(entry) for entry in found.entries],
        "has_faults": found.has_faults,
        "sealed": seal(previewed) if can_go_on else "",
    }
    return _page(model_admin, request, "import_preview.html", context)


def _row(entry: Entry) -> dict[str, Any]:
    """An entry as the page shows it: its changes in words."""
    changes = [(change.member, shown(change.before), shown(change.after)) for change in entry.changes]
    return {"entry": entry, "changes": changes}


def _page(model_admin: Any, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    site: admin.AdminSite = model_admin.admin_site
    page = TemplateResponse(
        request,
        f"admin/oauth/{template}",
        {**site.each_context(request), "opts": model_admin.opts, **context},
    )
    add_never_cache_headers(page)
    return page
