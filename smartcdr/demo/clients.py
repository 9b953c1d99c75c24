"""The demonstration's registered apps: the Lab Viewer, which is public, one that keeps a secret, a service
without people that signs with a key, and an external EHR that opens the Lab Viewer for people.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from django.conf import settings

from oauth.clients.metadata import fill
from oauth.clients.secrets import add_secret, verify
from oauth.models import Application, ClientSecret
from oauth.own_scopes import launch_context_scope
from smartcdr.demo.elements import Json
from smartcdr.demo.service_key import ALGORITHM, KID, keep_key

LAB_VIEWER: Final = "lab-viewer"
GROWTH_REPORT: Final = "growth-report"
NIGHTLY_EXPORT: Final = "nightly-export"
WARD_SYSTEM: Final = "ward-system"

EHR_SCOPE: Final = "launch openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"
STANDALONE_SCOPE: Final = EHR_SCOPE.replace("launch ", "launch/patient ")

_SECRET_NAME: Final = "Demonstration"  # noqa: S105  the secret's description


def viewer_origin(port: int) -> str:
    """Where the Lab Viewer is served: the port after the server's."""
    return f"http://localhost:{port + 1}"


def viewer_config(port: int) -> Json:
    """What the Lab Viewer's config.json says in the demonstration."""
    return {
        "client_id": LAB_VIEWER,
        "iss": settings.FHIR_BASE,
        "trusted_iss": [settings.FHIR_BASE],
        "ehr_scope": EHR_SCOPE,
        "standalone_scope": STANDALONE_SCOPE,
    }


def keep_clients(port: int, known_secrets: dict[str, str], directory: Path) -> list[Json]:
    """Register the apps, or put them back to what they were, and return them as demo.json lists them.

    `known_secrets` are those of the last run by client_id: one that still opens the door stays in use.
    `directory` is where the services' private keys lie, or will lie.
    """
    viewer, report = _keep(_lab_viewer(port)), _keep(_growth_report(port))
    services = [_keep_service(metadata, directory) for metadata in (_nightly_export(), _ward_system())]
    Application.objects.get(client_id=WARD_SYSTEM).may_launch.set([viewer])
    return [_entry(viewer, known_secrets), _entry(report, known_secrets), *services]


def _lab_viewer(port: int) -> Json:
    origin = viewer_origin(port)
    return {
        "client_id": LAB_VIEWER,
        "client_name": "Lab Viewer",
        "description": "Shows how a patient's laboratory results changed over time.",
        "publisher": "Smart CDR",
        "application_type": "browser",
        "token_endpoint_auth_method": "none",
        "client_uri": f"{origin}/index.html",
        "launch_url": f"{origin}/launch.html",
        "redirect_uris": [f"{origin}/index.html"],
        "allowed_origins": [origin],
        "scope": f"launch {STANDALONE_SCOPE}",
        "status": "live",
    }


def _growth_report(port: int) -> Json:
    return {
        "client_id": GROWTH_REPORT,
        "client_name": "Growth Report",
        "description": "A web app with a server of its own: it stands for all that can keep a secret.",
        "publisher": "Meadowbrook Clinic",
        "application_type": "web",
        "token_endpoint_auth_method": "client_secret_basic",
        "redirect_uris": [f"{viewer_origin(port)}/growth-report/callback"],
        "introspection": "own",
        "scope": "launch launch/patient launch/encounter openid fhirUser profile email "
        "online_access offline_access patient/*.rs user/*.rs",
        "status": "live",
    }


def _nightly_export() -> Json:
    return {
        "client_id": NIGHTLY_EXPORT,
        "client_name": "Nightly Export",
        "description": "A backend service: it reads every patient's records at night, and nobody signs in.",
        "publisher": "Meadowbrook Clinic",
        "application_type": "backend",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": "system/*.rs",
        "status": "live",
    }


def _ward_system() -> Json:
    return {
        "client_id": WARD_SYSTEM,
        "client_name": "Ward System",
        "description": "An external EHR: it opens the Lab Viewer for the patient on its own screen.",
        "publisher": "Meadowbrook Clinic",
        "application_type": "backend",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": launch_context_scope().text,
        "status": "live",
    }


def _keep(metadata: Json) -> Application:
    # Nothing else brings a retired client back; the demonstration begins anew with each run.
    retired = Application.objects.filter(client_id=metadata["client_id"], status=Application.Status.RETIRED)
    retired.update(status=Application.Status.SUSPENDED)
    application = Application.objects.filter(client_id=metadata["client_id"]).first() or Application()
    fill(application, metadata).save()
    return application


def _entry(application: Application, known_secrets: dict[str, str]) -> Json:
    found: Json = {"name": application.name, "client_id": application.client_id}
    if application.token_endpoint_auth_method != Application.AuthMethod.NONE:
        found["client_secret"] = _secret(application, known_secrets.get(application.client_id, ""))
    found["redirect_uris"] = application.redirect_uris.split()
    if application.launch_url:
        found["launch_url"] = application.launch_url
    return found | {"scope": application.scope}


def _keep_service(metadata: Json, directory: Path) -> Json:
    key_file = directory / f"demo-{metadata['client_id']}.pem"
    application = _keep(metadata | {"jwks": {"keys": [keep_key(key_file)]}})
    return {
        "name": application.name,
        "client_id": application.client_id,
        "private_key_file": str(key_file.absolute()),
        "kid": KID,
        "alg": ALGORITHM,
        "redirect_uris": [],
        "scope": application.scope,
    }


def _secret(application: Application, known: str) -> str:
    if known and verify(application, known):
        return known
    # The last one was lost with its demo.json: nobody can use it any more, so nobody should be able to.
    ClientSecret.objects.filter(application=application, description=_SECRET_NAME).delete()
    return add_secret(application, _SECRET_NAME)
