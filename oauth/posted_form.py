"""What clients post to our endpoints, read strictly: each parameter once, as plain text.

https://www.rfc-editor.org/rfc/rfc6749#section-3.2
"""

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, QueryDict, UnreadablePostError

MAX_FORM_BYTES = 65_536


class BadForm(ValueError):
    """The body is not such a form; the message is fit for `error_description`."""


def read_form(request: HttpRequest) -> dict[str, str]:
    """The parameters of an application/x-www-form-urlencoded body. Parameters in the URL do not count.

    Raises BadForm for another content type, a doubled parameter, a control character, or more than 64 KiB.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise BadForm("Send the parameters as application/x-www-form-urlencoded.")
    form: dict[str, str] = {}
    for name, values in _posted(request).lists():
        if len(values) != 1:
            raise BadForm("A parameter was sent more than once.")
        if not (name + values[0]).isprintable():
            raise BadForm("A parameter holds control characters or is not UTF-8.")
        form[name] = values[0]
    return form


def _posted(request: HttpRequest) -> QueryDict:
    try:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > MAX_FORM_BYTES or len(request.body) > MAX_FORM_BYTES:
            raise BadForm("The request is too long.")
        return request.POST
    except (RequestDataTooBig, TooManyFieldsSent) as error:
        raise BadForm("The request is too long.") from error
    except (BadRequest, UnreadablePostError) as error:
        raise BadForm("The body cannot be read.") from error
