"""What staff, or a link that staff follow, can put into the console's addresses."""

import pytest
from django.test import Client

from oauth.models import Scope
from tests.oauth.flow import make_client, make_user

pytestmark = pytest.mark.django_db
LISTS = ["/admin/oauth/application/", "/admin/oauth/accesstoken/", "/admin/accounts/user/"]


@pytest.fixture
def console() -> Client:
    """The browser of somebody who may see everything in the console."""
    browser = Client()
    browser.force_login(make_user("", is_staff=True, is_superuser=True))
    make_client()
    return browser


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "created__year=999999999&created__month=99",
        "created__year=0",
        "created__year=x",
        "date_joined__year=99999&last_login__year=99999",
        "created__year=2024&created__month=2&created__day=31",
        "q=%00",
        "q=%FF%25_%27",
        "o=99.-99.x",
        "p=99999999999999999999",
        "id__exact=99999999999999999999999",
        "nonsense__bar=1",
        "user__password__startswith=p",
        "application__secrets__digest__startswith=a",
        "_popup=1&_to_field=password",
    ],
)
def test_no_query_makes_a_list_of_the_console_fail(console: Client, address: str, query: str) -> None:
    assert console.get(f"{address}?{query}").status_code in (200, 302, 400)


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.parametrize("key", ["_00", "a_00b", "9" * 30, "x", "_F0_FF", "%00", "..%2f"])
@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_no_key_makes_a_page_of_the_console_fail(console: Client, address: str, key: str, page: str) -> None:
    assert console.get(f"{address}{key}/{page}/").status_code in (302, 400, 403, 404)


@pytest.mark.parametrize("address", [*LISTS, "/admin/auth/group/", "/admin/oauth/scope/"])
@pytest.mark.parametrize("key", ["x", "", "9" * 30, "1.5", "\N{ARABIC-INDIC DIGIT ONE}x"])
def test_no_selected_row_makes_a_list_of_the_console_fail(console: Client, address: str, key: str) -> None:
    form = {"action": "delete_selected", "_selected_action": key, "index": "0"}
    assert console.post(address, form).status_code == 400


def test_selected_rows_of_the_console_can_still_be_deleted(console: Client) -> None:
    scope = Scope.objects.create(pattern="patient/Basic.rs")
    form = {"action": "delete_selected", "_selected_action": str(scope.pk), "post": "yes"}
    assert console.post("/admin/oauth/scope/", form).status_code == 302
    assert not Scope.objects.filter(pk=scope.pk).exists()
    assert console.post("/admin/nowhere/nothing/", form).status_code == 404


@pytest.mark.parametrize("fhir_user", ["Patient/p1", "Practitioner/d1"])
def test_a_clinical_identity_opens_no_console(fhir_user: str) -> None:
    browser = Client()
    browser.force_login(make_user(fhir_user))
    for address in ("/admin/", *LISTS):
        assert browser.get(address).status_code in (302, 403)
