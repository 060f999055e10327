"""What the data themselves say about leakage: laws checked on them, and signs of trouble.

The tests show that the features obey the laws of point in time on worlds made up for it. Here they
are held to them on the very data that a model is about to learn from, with all that is odd about
these, and with the features of the user's own.
"""

from pipeline.training.leakage.examination import examine
from pipeline.training.leakage.markdown import markdown
from pipeline.training.leakage.report import LeakageReport

__all__ = ["LeakageReport", "examine", "markdown"]
