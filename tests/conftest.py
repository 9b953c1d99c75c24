"""What every test shares."""

pytest_plugins = ["tests.machine", "tests.demo_site", "tests.chromium"]
