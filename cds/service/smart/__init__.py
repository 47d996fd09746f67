"""SMART App Launch 2.2: the board opened from an EHR, with the EHR's data, for one user and one patient."""

from cds.service.smart.door import add_to

__all__ = ["add_to"]
