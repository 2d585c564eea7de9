"""The old place of :mod:`ntkfreq.problem.step_schedules`, for one release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntkfreq._support.old_calls import moved_names

if TYPE_CHECKING:
    from ntkfreq.problem.step_schedules import *  # noqa: F403
else:
    __getattr__ = moved_names(__name__, "ntkfreq.problem.step_schedules")
