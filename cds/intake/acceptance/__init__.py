"""Whether a resource is what FHIR R4B says its type is.

fhir.resources is the judge: it alone rejects, and words why (`judge`). It is slow, so what most senders send is
accepted before it is asked, by a schema in native code that is derived from its own field definitions (`schema`):
whatever that schema accepts, the judge accepts too.
"""

from cds.intake.acceptance.judge import problems
from cds.intake.acceptance.schema import accepts

__all__ = ["accepts", "problems"]
