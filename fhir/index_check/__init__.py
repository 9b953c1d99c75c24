"""Does every resource have exactly the index rows that its stored text gives? Finds where not, and mends it.

The rows of a range of resources are copied into temporary tables, where they can be asked for by resource,
and compared with what extraction says (`scanning`). What differs there is only a suspect: the copy is older
than the text it is compared with. Each suspect is looked at again with its resource's row locked as writers
lock it (`settling`), so that what is reported is so, and what is mended is never older than what others
write.
"""

from fhir.index_check.differences import Difference, Kind
from fhir.index_check.scanning import Counts, check

__all__ = ["Counts", "Difference", "Kind", "check"]
