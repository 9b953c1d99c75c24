"""One module for each interaction of the RESTful API: https://hl7.org/fhir/R4/http.html. Each is a function
from a Request to an Answer, so that an entry of a batch takes the same way as a request of its own."""
