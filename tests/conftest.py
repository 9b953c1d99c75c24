"""What every test shares."""

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.machine",
    "tests.database_use",
    "tests.demo_site",
    "tests.chromium",
    "tests.audit_trail",
]

# A busy machine draws and runs slowly; that says nothing about the properties.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
