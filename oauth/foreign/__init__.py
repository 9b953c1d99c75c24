"""Other authorization servers, whose tokens staff let in."""
