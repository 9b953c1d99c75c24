"""https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#request-1: nothing in clear text."""

import datetime as dt
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import postgres_server
from tests.fhir.serving import ROOT, SECONDS, until
from tests.smartcdr.test_checks import SAFE, check

LOOPBACK = "127.0.0.1"


def certificate(directory: Path) -> tuple[Path, Path]:
    """The files of a certificate for the loopback address, and of its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
    )
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.fixture
def served(tmp_path: Path) -> Iterator[int]:
    """The port of a server that ends TLS itself, started as the README says."""
    port, (public, private) = postgres_server.free_port(), certificate(tmp_path)
    words = ["--interface", "wsgi", "--host", LOOPBACK, "--port", str(port), "--blocking-threads", "2"]
    words += [
        "--ssl-certificate",
        str(public),
        "--ssl-keyfile",
        str(private),
        "--ssl-protocol-min",
        "tls1.2",
        "--log-level",
        "error",
    ]
    environment = {"PATH": os.environ["PATH"], **SAFE, "SITE_URL": f"https://{LOOPBACK}:{port}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *words, "smartcdr.wsgi:application"], cwd=ROOT, env=environment
    )
    try:
        until(lambda: process.poll() is not None or is_open(port), "a server that listens")
        assert process.poll() is None, "The server ended by itself."
        yield port
    finally:
        process.terminate()
        process.wait(SECONDS)


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((LOOPBACK, port), SECONDS).close()
    except OSError:
        return False
    return True


def trusting(directory: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that takes the certificate, and speaks this version of TLS and no other."""
    context = ssl.create_default_context(cafile=str(directory / "certificate.pem"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL itself would refuse the old versions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what this is about
        context.minimum_version = context.maximum_version = version
    return context


def get(url: str, context: ssl.SSLContext) -> Any:
    """The JSON at an address of the server."""
    with urllib.request.urlopen(url, context=context, timeout=SECONDS) as answer:
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        return json.load(answer)


@pytest.mark.requirement("SMART-231")
def test_the_server_speaks_tls_of_version_1_2_and_newer_and_nothing_else(served: int, tmp_path: Path) -> None:
    url = f"https://{LOOPBACK}:{served}/fhir/metadata"
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        told = get(url, trusting(tmp_path, version))
        [rest] = told["rest"]
        uris = [each["valueUri"] for each in rest["security"]["extension"][0]["extension"]]
        assert uris
        assert all(uri.startswith("https://") for uri in [told["url"], *uris])
    with pytest.raises(urllib.error.URLError, match="_ALERT_"):
        get(url, trusting(tmp_path, ssl.TLSVersion.TLSv1_1))  # the server says no, and not our own library
    with pytest.raises((urllib.error.URLError, HTTPException, ConnectionError)):
        urllib.request.urlopen(url.replace("https", "http"), timeout=SECONDS)


@pytest.mark.requirement("SMART-231")
def test_a_set_up_in_clear_text_is_refused_before_it_serves() -> None:
    found = check(SITE_URL="http://cdr.example.org")
    assert (found.returncode, "smartcdr.E001" in found.stderr) == (1, True)
