"""Members of staff with the rights of one of our groups, at the console."""

from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User


def staff_of(group: str) -> Client:
    """Somebody of that group, signed in."""
    person = User.objects.create_user(f"{group.lower().replace(' ', '-')}", is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(person)
    return client
