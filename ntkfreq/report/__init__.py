"""The main job: a profile predicted, trained and compared, for a narrow and a wide density."""

from ntkfreq.report.cases import Case, tapered
from ntkfreq.report.figure import plot_report
from ntkfreq.report.report import Report
from ntkfreq.report.run import run_report
from ntkfreq.report.save import refuse_others, save_report
from ntkfreq.report.settings import Settings

__all__ = [
    "Case",
    "Report",
    "Settings",
    "plot_report",
    "refuse_others",
    "run_report",
    "save_report",
    "tapered",
]
