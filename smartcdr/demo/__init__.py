"""The demonstration: invented patients, accounts, clients and the Lab Viewer's own little web server.

Everything in here is made up for this project. No person, number or address belongs to anyone.
"""
