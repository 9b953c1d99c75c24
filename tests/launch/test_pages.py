"""Every page keeps to the policy: nothing inline, nothing from elsewhere; and every control has its name."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import Proxy, User
from launch.context import make_launch
from launch.views import portal as portal_module
from tests.launch.markup import Markup


def check(html: str) -> Markup:
    """A page of ours: faultless, with a language, a title, one first heading, and its landmarks."""
    page = Markup(html)
    assert page.faults == []
    assert page.language == "en"
    assert page.title.endswith("· Smart CDR")
    assert page.headings == 1
    assert page.landmarks.count("main") == 1
    assert {"header", "footer"} <= set(page.landmarks)
    return page


@pytest.mark.parametrize(
    "html", ["<p style='x'>", "<script>1</script>", "<p onclick=x>", "<style></style>", "<input id=a>"]
)
def test_the_check_itself_sees_faults(html: str) -> None:
    assert Markup(html).faults


def test_pages_before_sign_in_are_clean(client: Client, db: None) -> None:
    cache.clear()
    check(client.get("/accounts/login/?next=/launch/").content.decode())
    check(client.post("/accounts/login/", {"login": "x", "password": ""}).content.decode())
    check(client.get("/accounts/inactive/").content.decode())


@pytest.mark.parametrize(
    "path",
    ["", "{app}/", "{app}/?q=nobody", "{app}/amy/", "../accounts/logout/", "../accounts/password/change/"],
)
def test_pages_of_a_clinician_are_clean(
    client: Client, clinician: User, app: Any, records: None, path: str
) -> None:
    clinician.set_password("correct horse battery")
    clinician.save()
    client.force_login(clinician)
    response = client.get(f"/launch/{path.format(app=app.pk)}".replace("/launch/../", "/"))
    assert response.status_code == 200
    assert "nav" in check(response.content.decode()).landmarks


def test_pages_of_patients_relatives_and_staff_are_clean(
    client: Client, amy: User, relative: User, staff: User, app: Any, records: None
) -> None:
    for fhir_id in ("amy", "ben"):
        Proxy.objects.create(user=relative, patient=fhir_id)
    for person in (amy, relative, staff):
        client.force_login(person)
        for path in ("/launch/", f"/launch/{app.pk}/", f"/launch/{app.pk}/amy/", "/accounts/reauthenticate/"):
            response = client.get(path)
            if "Location" not in response.headers:
                check(response.content.decode())


def test_pages_of_refusals_are_clean(client: Client, clinician: User) -> None:
    client.force_login(clinician)
    strict = Client(enforce_csrf_checks=True)
    answers = {
        400: client.get("/launch/?a=1&a=2"),
        403: strict.post("/accounts/login/"),
        404: client.get("/nowhere/"),
    }
    for status, response in answers.items():
        assert response.status_code == status
        check(response.content.decode())


def test_an_error_of_ours_shows_no_trace(clinician: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(portal_module, "launchable_apps", fail)
    client = Client(raise_request_exception=False)
    client.force_login(clinician)
    response = client.get("/launch/")
    assert response.status_code == 500
    check(response.content.decode())
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "accounts/user/",
        "accounts/user/add/",
        "accounts/user/{user}/change/",
        "accounts/user/{user}/password/",
        "accounts/user/{user}/delete/",
        "accounts/user/{user}/history/",
        "auth/group/",
        "launch/launchcontext/",
    ],
)
def test_pages_of_the_console_have_nothing_inline(
    client: Client, staff: User, clinician: User, app: Any, path: str
) -> None:
    make_launch(app, clinician)
    client.force_login(staff)
    response = client.get(f"/admin/{path.format(user=clinician.pk)}")
    assert response.status_code == 200
    faults = Markup(response.content.decode()).faults
    assert [fault for fault in faults if not fault.startswith("no label")] == []


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/", "/nowhere/"])
def test_every_answer_carries_the_strict_policy(client: Client, db: None, path: str) -> None:
    policy = client.get(path)["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
