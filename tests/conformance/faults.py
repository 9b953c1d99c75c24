"""What is wrong between the list of requirements and the marks on tests. Recommendations need no test."""

from collections.abc import Collection, Iterator, Mapping

from tests.conformance.requirements import OPTIONAL, Requirement

# Only what these anchors demand may be without a test, if it needs what is not offered.
SPARING = ("brands.html#", "conformance.html#capabilities")


def faults(listed: list[Requirement], marks: Mapping[str, Collection[str]]) -> list[str]:
    """A line for each fault; none if every requirement has a test or a reason to have none."""
    unknown = sorted(set(marks) - {one.mark for one in listed})
    return [f"{mark} is no requirement of the list" for mark in unknown] + list(_of_each(listed, marks))


def _of_each(listed: list[Requirement], marks: Mapping[str, Collection[str]]) -> Iterator[str]:
    for one in filter(lambda one: one.is_demanded, listed):
        if one.needs and (one.needs not in OPTIONAL or not one.anchor.startswith(SPARING)):
            yield f"{one.mark} may not be spared for want of {one.needs}"
        if one.needs and marks.get(one.mark):
            yield f"{one.mark} does not apply, and yet tests prove it"
        if not one.needs and not marks.get(one.mark):
            yield f"{one.mark} has no test: {one.summary}"


def outgrown(listed: list[Requirement], configuration: Mapping[str, object]) -> list[str]:
    """Marks of requirements that are spared for want of something that the server's smart-configuration
    (parsed) has: a member, or one of its capabilities.
    """
    capabilities = configuration["capabilities"]
    assert isinstance(capabilities, list)
    offered = {*configuration, *capabilities}
    return [one.mark for one in listed if one.needs in offered]
