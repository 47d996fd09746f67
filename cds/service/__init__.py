"""Evaluation over HTTP, and pages for people: nothing is decided here, and no patient's data is kept or logged."""

from cds.service.app import create_app
from cds.service.settings import Settings

__all__ = ["Settings", "create_app"]
