"""What the board's pages cost in server time, as ratios to the evaluation alone, for the example with the longest page.

    python benchmarks/board.py                    each page for a second
    python benchmarks/board.py --seconds 5        a longer run

The service runs in this process, with records of its own that are thrown away; sending and reading the page is counted.
Absolute times move two- to threefold with what else the machine does: trust the ratios. Needs the extra `test`.
"""

from __future__ import annotations

import argparse
import gc
import re
import sys
import tempfile
from functools import partial
from typing import Final

from pydantic import SecretStr
from run import AS_OF, REPOSITORY, rates, shown
from starlette.testclient import TestClient

sys.path.insert(0, str(REPOSITORY))

LONGEST: Final = "06-two-lesions-different-answers"
SUPPOSED: Final = {"T1:declinesSurgery": "true", "patient:inr": "2.4"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each page is measured (default: 1)")
    arguments = parser.parse_args()

    from cds.recommendation import recommend
    from cds.records import open_records
    from cds.service import Settings, create_app

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/records.sqlite3"
        app = create_app(Settings(examples=REPOSITORY / "fhir_examples", database=SecretStr(url), keep_bundles=True))
        with TestClient(app) as client:

            def page(address: str, **query: str) -> str:
                response = client.get(address, params=query, headers={"accept-encoding": "gzip"})
                assert response.status_code == 200, response.text
                return response.text

            example = partial(page, f"/board/{LONGEST}", as_of=AS_OF.isoformat())
            found = re.search(r"/board/records/([0-9a-f-]{36})", example())
            assert found is not None, "the page names its record"
            records, rules = open_records(url), app.state.runtime.rules
            case = records.case(found[1])
            records.close()
            address = f"/board/records/{found[1]}"
            gc.collect()
            gc.freeze()
            told = [
                ("evaluation alone: both engines, and the answer", partial(recommend, case, rules)),
                ("case page, evaluated and recorded", example),
                ("case page of a record", partial(page, address)),
                ("what if: two facts supposed", partial(page, f"{address}/what-if", **SUPPOSED)),
                ("what if: nothing supposed, what would change", partial(page, f"{address}/what-if")),
            ]
            least = rates(arguments.seconds * len(told), *(action for _, action in told))
    print(f"{LONGEST}; Python {sys.version.split()[0]}\n{'what':48}  {'least':>10}  ratio")
    for (what, _), seconds in zip(told, least, strict=True):
        print(f"{what:48}  {shown(seconds):>10}  {seconds / least[0]:.1f} x evaluation alone")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
