"""`manage.py demo`: what it makes, that it may run again, and what it refuses."""

import contextlib
import io
import json
import socket
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Proxy, User
from fhir.models import Resource, ResourceVersion
from oauth.clients.secrets import verify
from oauth.jwk_sets import read_key_set
from oauth.models import Application, ClientSecret, SigningKey
from smartcdr.demo import clients
from smartcdr.demo.accounts import ACCOUNTS, PASSWORD
from smartcdr.demo.bundles import bundles
from smartcdr.demo.loading import load
from smartcdr.demo.serving import taken_ports
from tests.oauth.services import rsa_key

Json = dict[str, Any]


@pytest.fixture(scope="module")
def few_bundles() -> list[Json]:
    made = bundles()
    return [next(made) for _ in range(2)]


@pytest.fixture
def local(settings: Settings, monkeypatch: pytest.MonkeyPatch, few_bundles: list[Json]) -> None:
    settings.DEVELOPMENT = True
    settings.SITE_URL, settings.FHIR_BASE = "http://localhost:8000", "http://localhost:8000/fhir"
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    monkeypatch.setattr("smartcdr.demo.loading.bundles", lambda: iter(few_bundles))


def prepare(file: Path, **options: Any) -> tuple[Json, str]:
    out = io.StringIO()
    call_command("demo", no_serve=True, file=file, stdout=out, stderr=io.StringIO(), **options)
    return json.loads(file.read_text()), out.getvalue()


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_demo_json_has_two_users_of_each_kind_and_every_client(tmp_path: Path) -> None:
    found, _ = prepare(tmp_path / "demo.json")
    assert found["site"] == "http://localhost:8000"
    assert found["fhir"] == "http://localhost:8000/fhir"
    roles = [one["role"] for one in found["users"]]
    assert sorted(roles) == sorted(["patient", "related", "clinician", "staff"] * 2)
    assert all(one.keys() == {"username", "password", "role", "fhir_user"} for one in found["users"])
    viewer, report, service, ward = found["clients"]
    assert viewer == {
        "name": "Lab Viewer",
        "client_id": "lab-viewer",
        "redirect_uris": ["http://localhost:8001/index.html"],
        "launch_url": "http://localhost:8001/launch.html",
        "scope": f"launch {clients.STANDALONE_SCOPE}",
    }
    assert report["client_id"] == "growth-report"
    assert verify(Application.objects.get(client_id="growth-report"), report["client_secret"])
    assert service == {
        "name": "Nightly Export",
        "client_id": "nightly-export",
        "private_key_file": str(tmp_path / "demo-nightly-export.pem"),
        "kid": "demonstration",
        "alg": "ES384",
        "redirect_uris": [],
        "scope": "system/*.rs",
    }
    assert ward == {
        "name": "Ward System",
        "client_id": "ward-system",
        "private_key_file": str(tmp_path / "demo-ward-system.pem"),
        "kid": "demonstration",
        "alg": "ES384",
        "redirect_uris": [],
        "scope": "http://localhost:8000/scopes/launch-context",
    }
    [launched] = Application.objects.get(client_id="ward-system").may_launch.all()
    assert launched.client_id == "lab-viewer"
    assert SigningKey.objects.filter(status=SigningKey.Status.ACTIVE).count() == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_the_server_finds_the_folder_of_collected_files(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "var" / "static"
    prepare(tmp_path / "demo.json")
    assert settings.STATIC_ROOT.is_dir()


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_demo_json_is_for_its_owner_alone(tmp_path: Path) -> None:
    prepare(tmp_path / "demo.json")
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    first, _ = prepare(tmp_path / "demo.json")
    before = list(Resource.objects.order_by("id").values_list("id", "version", "last_updated"))
    passwords = dict(User.objects.values_list("username", "password"))
    second, said = prepare(tmp_path / "demo.json")
    assert second == first
    assert list(Resource.objects.order_by("id").values_list("id", "version", "last_updated")) == before
    assert ResourceVersion.objects.count() == 0
    assert dict(User.objects.values_list("username", "password")) == passwords
    assert Application.objects.count() == 4
    assert ClientSecret.objects.count() == 1
    assert "resources are there already" in said


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_everybody_can_sign_in_and_stands_for_a_resource_of_their_kind(tmp_path: Path) -> None:
    prepare(tmp_path / "demo.json")
    types = {"patient": "Patient", "related": "RelatedPerson", "clinician": "Practitioner", "staff": ""}
    for account in ACCOUNTS:
        user = User.objects.get(username=account.username)
        assert user.check_password(PASSWORD)
        assert user.fhir_user_type == types[account.role]
        assert user.is_staff == (account.role == "staff")
        assert not user.is_superuser


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_a_mother_may_act_for_both_of_her_children_and_an_ended_proxy_is_put_back(tmp_path: Path) -> None:
    prepare(tmp_path / "demo.json")
    mother = User.objects.get(username="lena.hartmann")
    Proxy.objects.filter(user=mother).update(active=False)
    prepare(tmp_path / "demo.json")
    patients = set(mother.proxies.in_force().values_list("patient", flat=True))
    assert patients == {"patient-mia-hartmann", "patient-paul-hartmann"}
    ends = dict(mother.proxies.values_list("patient", "ends"))
    assert ends["patient-mia-hartmann"] is None
    in_a_year = timezone.now() + timedelta(days=365)
    end = ends["patient-paul-hartmann"]
    assert end is not None
    assert in_a_year - timedelta(days=1) < end <= in_a_year


def test_every_account_names_a_resource_that_is_in_the_data() -> None:
    held = {entry["request"]["url"] for bundle in bundles() for entry in bundle["entry"]}
    for account in ACCOUNTS:
        assert not account.fhir_user or account.fhir_user in held
        assert {f"Patient/{patient}" for patient in account.proxies} <= held


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_only_the_administrator_may_look_at_resources_in_the_console(tmp_path: Path) -> None:
    prepare(tmp_path / "demo.json")
    assert User.objects.get(username="sam.keller").has_perm("fhir.view_resource")
    manager = User.objects.get(username="ines.duarte")
    assert manager.has_perm("oauth.change_application")
    assert not manager.has_perm("fhir.view_resource")


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_a_lost_secret_is_replaced_and_opens_nothing_any_more(tmp_path: Path) -> None:
    first, _ = prepare(tmp_path / "demo.json")
    (tmp_path / "demo.json").write_text("not ours")
    second, _ = prepare(tmp_path / "demo.json")
    old, new = (found["clients"][1]["client_secret"] for found in (first, second))
    report = Application.objects.get(client_id="growth-report")
    assert old != new
    assert not verify(report, old)
    assert verify(report, new)


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_an_app_that_somebody_retired_is_put_back(tmp_path: Path) -> None:
    prepare(tmp_path / "demo.json")
    for application in Application.objects.all():
        application.status = Application.Status.RETIRED
        application.save()
    prepare(tmp_path / "demo.json")
    assert set(Application.objects.values_list("status", flat=True)) == {"live"}


def proves_itself(service: Json) -> bool:
    """Whether the private key in the file is one of the registered."""
    known = {"kid": service["kid"], "alg": service["alg"]}
    private = serialization.load_pem_private_key(Path(service["private_key_file"]).read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    registered = read_key_set(Application.objects.get(client_id=service["client_id"]).client_jwks)
    return registered.find(known["kid"], known["alg"]).key == private.public_key()


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_the_services_private_key_is_for_its_owner_alone_and_replaced_when_lost(tmp_path: Path) -> None:
    first, _ = prepare(tmp_path / "demo.json")
    file = tmp_path / "demo-nightly-export.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert proves_itself(first["clients"][2])
    before = file.read_bytes()
    prepare(tmp_path / "demo.json")
    assert file.read_bytes() == before
    for lost in (b"", b"not ours", rsa_key_text()):
        file.write_bytes(lost)
        second, _ = prepare(tmp_path / "demo.json")
        assert file.read_bytes() not in (before, lost)
        assert proves_itself(second["clients"][2])


def rsa_key_text() -> bytes:
    """A key of another kind."""
    return rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_another_port_moves_the_apps_addresses(settings: Settings, tmp_path: Path) -> None:
    prepare(tmp_path / "demo.json")
    settings.SITE_URL, settings.FHIR_BASE = "http://localhost:8010", "http://localhost:8010/fhir"
    found, said = prepare(tmp_path / "demo.json", port=8010)
    assert found["clients"][0]["redirect_uris"] == ["http://localhost:8011/index.html"]
    assert Application.objects.get(client_id="lab-viewer").allowed_origins == "http://localhost:8011"
    assert clients.viewer_config(8010)["iss"] == "http://localhost:8010/fhir"
    assert "http://localhost:8010/launch/" in said
    assert PASSWORD in said


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEVELOPMENT", False, "passwords everybody knows"),
        ("SITE_URL", "https://cdr.example.org", "passwords everybody knows"),
        ("SITE_URL", "http://cdr.example.org:8000", "passwords everybody knows"),
        ("SITE_URL", "http://localhost:8010", "make demo PORT=8000"),
    ],
)
def test_a_production_set_up_or_another_port_is_refused_before_anything_is_made(
    settings: Settings, tmp_path: Path, name: str, value: object, words: str
) -> None:
    setattr(settings, name, value)
    with pytest.raises(CommandError, match=words):
        prepare(tmp_path / "demo.json", port=8000)
    assert not User.objects.exists()
    assert not (tmp_path / "demo.json").exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
def test_a_taken_port_is_said_in_one_sentence(settings: Settings, tmp_path: Path) -> None:
    with contextlib.closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert taken_ports(port - 1) == [port]
        settings.SITE_URL = f"http://localhost:{port - 1}"
        with pytest.raises(CommandError, match=f"^Port {port} is taken by another program: .*$"):
            call_command("demo", port=port - 1, file=tmp_path / "demo.json")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_load_counts_what_it_made_what_it_changed_and_what_it_left(few_bundles: list[Json]) -> None:
    assert str(load(few_bundles[:1])).startswith("8 resources created, 0 updated")
    changed = json.loads(json.dumps(few_bundles[0]))
    changed["entry"][0]["resource"]["name"] = "Another name"
    done = load([changed])
    assert (done.created, done.updated, done.unchanged) == (0, 1, 7)
    assert Resource.objects.get(type="Organization", fhir_id="organization-meadowbrook").version == 2


@pytest.mark.django_db
def test_a_bundle_with_a_bad_resource_is_left_out_as_a_whole(few_bundles: list[Json]) -> None:
    from fhir.outcome import Unprocessable

    broken = json.loads(json.dumps(few_bundles[0]))
    broken["entry"][-1]["resource"]["nonsense"] = True
    with pytest.raises(Unprocessable):
        load([broken])
    assert not Resource.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("status", [0, 3])
def test_a_server_that_ends_by_itself_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int
) -> None:
    monkeypatch.setattr("smartcdr.management.commands.demo.taken_ports", lambda port: [])
    monkeypatch.setattr("smartcdr.management.commands.demo.serve", lambda port, config: status)
    out = io.StringIO()
    ended = pytest.raises(CommandError, match="with status 3") if status else contextlib.nullcontext()
    with ended:
        call_command("demo", file=tmp_path / "demo.json", stdout=out, stderr=io.StringIO())
    assert out.getvalue().rstrip().endswith("Ctrl-C." if status else "Stopped.")
