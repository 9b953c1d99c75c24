"""Federated sign-in: people prove who they are at another OpenID provider that staff have registered.

django-allauth walks the protocol; what is checked more strictly than it does, and who the person is here, is
decided in this room.
"""
