"""CDS Hooks 2.0.1: cards for a patient's chart, and for an order of salvage surgery or ablation."""

from cds.service.hooks.door import add_to

__all__ = ["add_to"]
