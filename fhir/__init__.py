"""The FHIR R4 repository and resource server. It knows nothing of tokens: it asks fhir.access only."""

from pkgutil import extend_path

# The library fhir.resources lives in a package of the same name: with this its modules are found beside ours.
__path__ = extend_path(__path__, __name__)
