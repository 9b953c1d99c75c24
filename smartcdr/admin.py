"""The admin console's site: our name on it, and sign-in by the same door as everybody's."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode


class SmartcdrAdminSite(admin.AdminSite):
    """Stock Django admin under our brand."""

    site_header = "Smart CDR administration"
    site_title = "Smart CDR"
    index_title = "Administration"

    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """Send people to the common sign-in page, so that its rate limits hold for staff too."""
        if request.user.is_authenticated and not self.has_permission(request):
            return redirect("launch:portal")
        target = request.GET.get("next") or reverse("admin:index")
        return redirect(f"{reverse('account_login')}?{urlencode({'next': target})}")
