"""All settings, in one file, driven by environment variables. README.md has the table of them.

Nothing here depends on a request: the public origin is SITE_URL, never the Host header. Insecure combinations
are found by `manage.py check --deploy` (smartcdr/checks.py), not by branches on DEBUG.
"""

import zlib
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- where we are -------------------------------------------------------------------------------------------
DEVELOPMENT = env.bool("DEVELOPMENT", default=False)
# Nobody ever sees a technical error page, not even in development: what happened is in the log.
DEBUG = False
_site_url = env.str("SITE_URL", default="http://localhost:8000" if DEVELOPMENT else environ.Env.NOTSET)
SITE_URL = _site_url.rstrip("/")
FHIR_BASE = f"{SITE_URL}/fhir"
_site = urlsplit(SITE_URL)
# http and loopback addresses in clients' URLs: for development only
# (https://datatracker.ietf.org/doc/html/rfc9700).
ALLOW_INSECURE_CLIENT_URLS = env.bool("ALLOW_INSECURE_CLIENT_URLS", default=DEVELOPMENT)
# Networks of the operator's own in which clients may publish their keys (by https), as in 10.20.0.0/16.
JWKS_URI_NETWORKS = [ip_network(each) for each in env.list("JWKS_URI_NETWORKS", default=[])]
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[_site.hostname, *(["127.0.0.1", "[::1]"] if DEVELOPMENT else [])]
)
SECRET_KEY = env.str(
    "SECRET_KEY", default="development-only-not-secret" if DEVELOPMENT else environ.Env.NOTSET
)
# Fernet keys, newest first: they encrypt private signing keys and second factors' secrets.
KEY_ENCRYPTION_KEYS = env.list(
    "KEY_ENCRYPTION_KEYS",
    default=["ZGV2ZWxvcG1lbnQtb25seS1ub3Qtc2VjcmV0LWtleSE="] if DEVELOPMENT else environ.Env.NOTSET,
)

SILENCED_SYSTEM_CHECKS = [
    "oauth2_provider.W008",  # native apps on 127.0.0.1 need http; oauth/clients/urls.py decides who may
    "security.W008",  # see SECURE_SSL_REDIRECT below
    "security.W021",  # a browser's preload list is the operator's own decision
]

# --- the parts ----------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "smartcdr.apps.SmartcdrConfig",
    "smartcdr.apps.SmartcdrAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "corsheaders",
    "csp",
    "rest_framework",
    "django_tasks",
    "django_tasks_db",
    "oauth2_provider",
    "audit",
    "accounts",
    "fhir",
    "launch",
    "oauth",
]
MIDDLEWARE = [
    "fhir.search.time_limit.keep_time_limit",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "fhir.middleware.StraightToApi",
    "oauth.middleware.StraightToEndpoints",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "smartcdr.plain_parameters.plain_parameters",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "smartcdr.urls"
WSGI_APPLICATION = "smartcdr.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- data ---------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'var' / 'smartcdr.sqlite3'}")}
_database = DATABASES["default"]
_database["CONN_MAX_AGE"] = None  # a connection for each thread, for as long as it works
if _database["ENGINE"].endswith("sqlite3"):
    if _database["NAME"] != ":memory:":
        Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    _database["OPTIONS"] = {
        # A writer takes the lock when it begins, so that it waits instead of failing half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;",
    }
else:
    _database["CONN_HEALTH_CHECKS"] = False
    _database["OPTIONS"] = {
        "server_side_binding": True,
        "prepare_threshold": 2,
        # One request, one core: a parallel plan costs the API more than it gains.
        # Nor does it gain from a new plan for each value: our statements say in their text what a plan has to
        # know, and making a plan takes longer than most of them.
        "options": "-c max_parallel_workers_per_gather=0 -c jit=off -c plan_cache_mode=force_generic_plan",
    }
CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people -------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/launch/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_DISPLAY = "accounts.models.display_name"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "change_password": "accounts.forms.OwnPasswordForm",
    "reauthenticate": "accounts.forms.ConfirmPasswordForm",
}
# Sign-in at other OpenID providers, which staff register (accounts/federation).
SOCIALACCOUNT_ADAPTER = "accounts.federation.adapter.FederationAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "provider_class": "accounts.federation.provider.FederatedProvider",
        "OAUTH_PKCE_ENABLED": True,
    }
}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # an e-mail address never leads to an account
SOCIALACCOUNT_STORE_TOKENS = False
# A second factor: an authenticator app or a passkey, with recovery codes for the day on which it is lost.
MFA_ADAPTER = "accounts.mfa_adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "accounts.factor_forms.CodeForm",
    "reauthenticate": "accounts.factor_forms.CodeAgainForm",
    "activate_totp": "accounts.factor_forms.NewAppForm",
    "authenticate_webauthn": "accounts.factor_forms.PasskeyForm",
    "reauthenticate_webauthn": "accounts.factor_forms.PasskeyAgainForm",
    "login_webauthn": "accounts.factor_forms.PasskeySignInForm",
    "add_webauthn": "accounts.factor_forms.NewPasskeyForm",
    "edit_webauthn": "accounts.factor_forms.PasskeyNameForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True  # with the device's own PIN, finger or face: two factors in one
# Whoever has no second factor, or has not shown it in this session, does not come into the console.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=not DEVELOPMENT)
# For so many seconds after a proof nobody is asked again before a weighty thing.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
# Workstations are shared: a session ends with the browser, and after SESSION_SECONDS at the latest.
ACCOUNT_SESSION_REMEMBER = False
# Rights of CONTRACT "user's rights": who a clinician may see, what a patient may write.
CLINICIAN_ACCESS = env.str("CLINICIAN_ACCESS", default="all")
PATIENT_WRITABLE = env.list("PATIENT_WRITABLE", default=["Observation", "QuestionnaireResponse"])

# --- cookies: named after the site, so that two servers on one host do not sign each other's users out ------
# From a host beside or above ours nobody can plant a cookie whose name begins so; it wants https.
# https://www.rfc-editor.org/rfc/rfc9700#section-4.7
_cookie = f"{'__Host-' if _site.scheme == 'https' else ''}smartcdr_{zlib.crc32(SITE_URL.encode()):08x}"
SESSION_COOKIE_NAME = f"{_cookie}_session"
CSRF_COOKIE_NAME = f"{_cookie}_csrf"
KNOWN_BROWSER_COOKIE_NAME = f"{_cookie}_known"  # accounts/known_browsers.py
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _site.scheme == "https"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env.int("SESSION_SECONDS", default=12 * 3600)
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31536000 if _site.scheme == "https" else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_SECONDS > 0
SECURE_HSTS_PRELOAD = False
_behind_proxy = env.bool("BEHIND_TLS_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _behind_proxy else None
# How many proxies of ours add to X-Forwarded-For: sign-in limits count by the address before them.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=int(_behind_proxy))
SECURE_SSL_REDIRECT = False  # a redirect of an API call would repeat its token in clear text
# Nothing for other sites. Under "no-referrer" browsers send `Origin: null` with our own forms, and the CSRF
# check refuses them: https://fetch.spec.whatwg.org/#origin-header
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [SITE_URL]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "https:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

# --- the authorization server -------------------------------------------------------------------------------
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth.Application"
OAUTH2_PROVIDER_GRANT_MODEL = "oauth.Grant"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth.AccessToken"
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "oauth.RefreshToken"
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "oauth.IDToken"
ACCESS_TOKEN_SECONDS = env.int("ACCESS_TOKEN_SECONDS", default=3600)
REFRESH_TOKEN_SECONDS = env.int("REFRESH_TOKEN_SECONDS", default=90 * 86400)
ACCESS_TOKEN_ALG = env.str("ACCESS_TOKEN_ALG", default="ES256")
JWKS_SECONDS = env.int("JWKS_SECONDS", default=300)  # how long verifiers may keep our public keys
SIGNING_KEY_SECONDS = env.int("SIGNING_KEY_SECONDS", default=90 * 86400)  # then another one signs
SIGNING_KEY_MARGIN_SECONDS = env.int("SIGNING_KEY_MARGIN_SECONDS", default=300)
OAUTH2_PROVIDER = {
    "OIDC_ENABLED": True,
    "OIDC_ISS_ENDPOINT": SITE_URL,
    "OAUTH2_VALIDATOR_CLASS": "oauth.validator.SmartValidator",
    "OIDC_SERVER_CLASS": "oauth.server.SmartServer",
    "SCOPES_BACKEND_CLASS": "oauth.scopes_backend.SmartScopes",
    "ACCESS_TOKEN_GENERATOR": "oauth.tokens.access_token.generate",
    "REFRESH_TOKEN_GENERATOR": "oauth.tokens.access_token.generate_refresh_token",
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "ACCESS_TOKEN_EXPIRE_SECONDS": ACCESS_TOKEN_SECONDS,
    "REFRESH_TOKEN_EXPIRE_SECONDS": REFRESH_TOKEN_SECONDS,
    "ID_TOKEN_EXPIRE_SECONDS": ACCESS_TOKEN_SECONDS,
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "PKCE_REQUIRED": True,
    "ALLOWED_SCHEMES": ["https", "http"] if ALLOW_INSECURE_CLIENT_URLS else ["https"],
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
}
# Apps may register themselves (RFC 7591), always as drafts that staff put live. Unless the second switch says
# otherwise, only with an initial access token that staff handed out.
DYNAMIC_REGISTRATION = env.bool("DYNAMIC_REGISTRATION", default=False)
DYNAMIC_REGISTRATION_OPEN = env.bool("DYNAMIC_REGISTRATION_OPEN", default=False)
# How often, counted as sign-ins are (oauth/views/register.py): by token, without one by address, by client.
ACCOUNT_RATE_LIMITS = {
    "login_failed_known_browser": "5/5m/key",  # as allauth's login_failed, for browsers known of old
    "federated_sign_in": "30/m/ip",  # as allauth's login
    "register_client": "60/h/key",
    "register_client_openly": "10/h/ip",
    "change_registration": "60/h/key",
}
# What apps that our portal opens are told as `tenant`: an opaque name of the organization.
LAUNCH_TENANT = env.str("LAUNCH_TENANT", default="")
LAUNCH_SECONDS = env.int("LAUNCH_SECONDS", default=300)
AUTHORIZATION_REQUEST_SECONDS = env.int("AUTHORIZATION_REQUEST_SECONDS", default=1800)

# --- the FHIR API -------------------------------------------------------------------------------------------
# fhir asks this class who is calling; it is the only thread between the repository and the authorization
# server.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["oauth.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
FHIR_MAX_BODY_BYTES = env.int("FHIR_MAX_BODY_BYTES", default=32 * 1024 * 1024)
# Where tokens come from, by the names of the CapabilityStatement's oauth-uris extension.
FHIR_SECURITY = "oauth.smart_configuration.oauth_uris"
FHIR_PAGE_SIZE = env.int("FHIR_PAGE_SIZE", default=20)
FHIR_MAX_PAGE_SIZE = env.int("FHIR_MAX_PAGE_SIZE", default=1000)
# A request's statement that takes longer is stopped, in servers only (fhir/search/time_limit.py); 0: never.
FHIR_SEARCH_TIMEOUT_SECONDS = max(0.0, env.float("FHIR_SEARCH_TIMEOUT_SECONDS", default=30.0))
DATA_UPLOAD_MAX_MEMORY_SIZE = FHIR_MAX_BODY_BYTES

# --- the audit trail ----------------------------------------------------------------------------------------
# Reads that were allowed are written with their request, instead of a moment later (audit/recording.py).
AUDIT_SYNC = env.bool("AUDIT_SYNC", default=False)
# What is younger is never removed. Six years: https://www.ecfr.gov/current/title-45/section-164.316
AUDIT_KEEP_DAYS = env.int("AUDIT_KEEP_DAYS", default=6 * 366)
# A thread of each process sees that what waits is written. Tests have it written when they look.
AUDIT_IN_BACKGROUND = True
# It is written by a process beside each that serves (audit/writing_process.py), else by that thread itself.
AUDIT_PROCESS = env.bool("AUDIT_PROCESS", default=not DEVELOPMENT)

# --- Bulk Data exports: `manage.py db_worker` carries them out, with the database as its queue --------------
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
# What gives a job the Access again that it was started with.
FHIR_ACCESS_BY_TICKET = "oauth.authentication.access_by_ticket"
# All servers and workers of a site must see this directory.
EXPORT_DIRECTORY = Path(env.str("EXPORT_DIRECTORY", default=str(BASE_DIR / "var" / "exports")))
EXPORT_SECONDS = env.int("EXPORT_SECONDS", default=86400)  # how long finished files are kept
EXPORT_STALL_SECONDS = env.int("EXPORT_STALL_SECONDS", default=120)  # a worker that is silent so long is dead
EXPORT_RETRY_SECONDS = env.int("EXPORT_RETRY_SECONDS", default=5)  # how often clients are asked to poll
EXPORT_MAX_JOBS = env.int("EXPORT_MAX_JOBS", default=4)  # unfinished ones of one client and person
EXPORT_FILE_RESOURCES = env.int("EXPORT_FILE_RESOURCES", default=200_000)  # then a further file begins

# Which origins may call is answered per path and per client: oauth/cors.py.
CORS_ALLOWED_ORIGINS: list[str] = []
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-exist",
    "if-none-match",
    "prefer",
    "x-requested-with",
]
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Location",
    "Content-Location",
    "Last-Modified",
    "WWW-Authenticate",
    "Expires",
    "Retry-After",
    "X-Progress",
]

# --- the rest -----------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without_tokens": {"()": "smartcdr.log_masking.WithoutTokens"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["without_tokens"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # oauthlib's debug messages quote refresh tokens, and those of templates all that a page shows, also a new
    # secret; no LOG_LEVEL may bring them out.
    "loggers": {"oauthlib": {"level": "WARNING"}, "django.template": {"level": "WARNING"}},
}
