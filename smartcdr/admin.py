"""The admin console's site: our name on it, and sign-in by the same door as everybody's."""

from typing import Any

from django.contrib import admin, auth, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts.second_factor import missing_for_staff
from smartcdr.console_events import refused, told, watched


class SmartcdrAdminSite(admin.AdminSite):
    """Stock Django admin under our brand."""

    site_header = "Smart CDR administration"
    site_title = "Smart CDR"
    index_title = "Administration"

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff, with the second factor that the settings may ask of them."""
        return super().has_permission(request) and not missing_for_staff(request)

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Add a room, in which no change goes untold."""
        super().register(model_or_iterable, told(admin_class or admin.ModelAdmin), **options)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A page for staff, whose refusals are told too."""
        return super().admin_view(watched(view), cacheable)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send people to the common sign-in page, so that its rate limits hold for staff too; those who are
        signed in and no staff to the portal, and say why; staff to the second factor that they owe."""
        missing = missing_for_staff(request) if super().has_permission(request) else ""
        if missing:
            refused(request, "second factor", "Staff have to show a second factor, which is missing.")
            messages.info(request, "The administration asks for a second factor beside the password.")
            back = request.GET.get("next") or reverse("admin:index")
            return redirect(f"{missing}?{urlencode({'next': back})}")
        if request.user.is_authenticated and not self.has_permission(request):
            refused(request, "staff", "The account is not one of staff.")
            messages.info(request, "The administration is for staff. These pages are yours.")
            return redirect("launch:portal")
        target = request.GET.get("next") or reverse("admin:index")
        return redirect(f"{reverse('account_login')}?{urlencode({'next': target})}")

    def logout(  # type: ignore[override]  # a redirect is as good an answer as a page
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """End the session on POST and show the sign-in page; anything else asks first."""
        if request.method != "POST":
            return redirect("account_logout")
        auth.logout(request)
        return redirect("account_login")

    def password_change(  # type: ignore[override]  # a redirect is as good an answer as a page
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One's own password is changed where everybody's is, under the same rate limit."""
        return redirect("account_change_password")

    def password_change_done(  # type: ignore[override]  # a redirect is as good an answer as a page
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Nobody comes by here: the common page says by itself that it is done."""
        return redirect("account_change_password")
