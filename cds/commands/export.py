"""`cds export`: descriptions of this system for other programs."""

from __future__ import annotations

import argparse
import json
import sys

from cds.recommendation.model import Recommendation


def run(arguments: argparse.Namespace) -> int:
    """Print the JSON schema of the answer."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Recommendation.model_json_schema(mode="serialization"),
    }
    sys.stdout.write(f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n")
    return 0
