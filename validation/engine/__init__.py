"""What all validation scripts share: sizes, runs that resume, claims, results, the suite."""

from validation.engine.claims import Claim as Claim
from validation.engine.claims import Measurement as Measurement
from validation.engine.claims import intervals as intervals
from validation.engine.claims import verdicts as verdicts
from validation.engine.execution import Execution as Execution
from validation.engine.execution import size_of as size_of
from validation.engine.result import Result as Result
from validation.engine.statistics import mean_interval as mean_interval
from validation.engine.statistics import median_interval as median_interval
from validation.engine.statistics import medians as medians
