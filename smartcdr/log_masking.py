"""No token in the log, also where somebody put one into an address, which Django's own messages quote."""

import logging

from fhir.masking import masked_query


class WithoutTokens(logging.Filter):
    """Masks in messages what looks like a token, or is sent under the name of a credential."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: the record is written, masked."""
        said = record.getMessage()
        told = masked_query(said)
        if told != said:
            record.msg, record.args = told, ()
        return True
