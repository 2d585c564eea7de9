"""What all validation scripts share: sizes, runs that resume, claims, results, the suite."""

from ntkfreq.validation.claims import intervals as intervals
from ntkfreq.validation.claims import mean_interval as mean_interval
from ntkfreq.validation.claims import median_interval as median_interval
from ntkfreq.validation.claims import medians as medians
from ntkfreq.validation.claims import verdicts as verdicts
from ntkfreq.validation.command import command as command
from ntkfreq.validation.execution import Execution as Execution
from ntkfreq.validation.execution import size_of as size_of
