"""The twenty-five invented patients, in the order in which they get their record numbers."""

from __future__ import annotations

from typing import Final

from smartcdr.demo.roster_main import MAIN_STORIES
from smartcdr.demo.roster_others import OTHER_STORIES
from smartcdr.demo.stories import Story

ROSTER: Final[tuple[Story, ...]] = (*MAIN_STORIES, *OTHER_STORIES)
