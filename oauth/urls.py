"""What the authorization server answers."""

from django.urls import URLPattern, URLResolver, path

from oauth.views import activity, authorized_apps, discovery
from oauth.views.authorize import authorize, resume
from oauth.views.consent import consent
from oauth.views.introspect import IntrospectView, TokenIntrospectView
from oauth.views.launch_contexts import launch_contexts
from oauth.views.pick import pick_encounter, pick_patient
from oauth.views.register import configure, register
from oauth.views.revoke import RevokeView
from oauth.views.token import token
from oauth.views.userinfo import UserInfoView

app_name = "oauth"
well_known: list[URLPattern | URLResolver] = [
    path("fhir/.well-known/smart-configuration", discovery.smart),
    path(".well-known/openid-configuration", discovery.openid),
    path(".well-known/oauth-authorization-server", discovery.authorization_server),
]
launches: list[URLPattern | URLResolver] = [path("launch/contexts", launch_contexts)]
urlpatterns: list[URLPattern | URLResolver] = [
    path("authorize", authorize, name="authorize"),
    path("authorize/<str:request_id>", resume, name="resume"),
    path("authorize/<str:request_id>/consent", consent, name="consent"),
    path("authorize/<str:request_id>/patient", pick_patient, name="pick-patient"),
    path("authorize/<str:request_id>/encounter", pick_encounter, name="pick-encounter"),
    path("token", token, name="token"),
    path("jwks", discovery.jwks, name="jwks"),
    path("introspect", IntrospectView.as_view(), name="introspect"),
    path("token/introspect", TokenIntrospectView.as_view(), name="token_introspect"),
    path("register", register, name="register"),
    path("register/<str:client_id>", configure, name="registration"),
    path("revoke", RevokeView.as_view(), name="revoke"),
    path("userinfo", UserInfoView.as_view(), name="userinfo"),
    path("manage", authorized_apps.manage, name="manage"),
    path("manage/activity", activity.activity, name="activity"),
    path("manage/activity.csv", activity.activity_file, name="activity_file"),
    path("manage/revoke", authorized_apps.withdraw_one, name="manage_revoke"),
]
