"""The report of a study: one offline page, its metrics, and the tables behind DVC's plots."""

from pipeline.report.facts import facts
from pipeline.report.lone_runs import lone_runs
from pipeline.report.metrics import metrics
from pipeline.report.page import page
from pipeline.report.plots import plots

__all__ = ["facts", "lone_runs", "metrics", "page", "plots"]
