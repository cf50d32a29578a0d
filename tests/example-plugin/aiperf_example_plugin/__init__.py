"""An example of a plugin: two phase hooks and two post-processors."""

from .hooks import ExampleLoggingHook, ExampleMetricsCollectorHook
from .processors import ExampleMetricsProcessor, ExampleResultsAggregator, ProcessingResult

__version__ = "1.0.0"
__author__ = "aiperfd"
__all__ = [
    "ExampleLoggingHook",
    "ExampleMetricsCollectorHook",
    "ExampleMetricsProcessor",
    "ExampleResultsAggregator",
    "ProcessingResult",
]
