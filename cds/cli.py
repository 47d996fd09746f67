"""The command line: what may be written, and what every outcome means to the caller.

Results go to standard output, everything else to standard error. Exit status 0: done; 1: something was found that
somebody has to look at; 2: the input could not be used, or there is no advice. Commands are imported when they run, so
that `cds --version` and `--help` answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

DONE, FOUND, UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 or 2. No error of the input ends in a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        from cds import __version__

        sys.stdout.write(f"cds {__version__}\n")
        return DONE
    from cds.commands.streams import write_utf_8

    write_utf_8(sys.stdout, sys.stderr)
    try:
        return _run(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else UNUSABLE if stop.code else DONE
    except BrokenPipeError:
        return _reader_left()
    except Exception as defect:  # noqa: BLE001 - Python's own status 1 would read as a finding
        return _defect(defect)
    except KeyboardInterrupt:
        sys.stderr.write("cds: interrupted; no result is complete\n")
        return UNUSABLE


def _run(words: list[str]) -> int:
    from cds.errors import CdsError

    arguments = _parser().parse_args(words)
    try:
        status = _call(arguments)
        sys.stdout.flush()
        return status
    except CdsError as error:
        from cds.commands.problems import told

        sys.stderr.write(told(error, f"cds {arguments.command}"))
        return UNUSABLE


def _call(arguments: argparse.Namespace) -> int:
    import importlib

    module, _, function = arguments.run.partition(":")
    status = getattr(importlib.import_module(module), function)(arguments)
    if not isinstance(status, int):
        raise TypeError(f"`{arguments.run}` returned `{status!r}`, which is no exit status")
    return status


def _reader_left() -> int:
    """Nobody reads the output any more (`cds … | head`): stop without a message about our own closing of the stream."""
    import os

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return UNUSABLE


def _defect(defect: Exception) -> int:
    """A defect of this program: said without the words of the exception, which may come from a record."""
    import os

    if os.environ.get("CDS_TRACEBACK"):
        raise defect
    trace = defect.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else "?"
    sys.stderr.write(f"cds: a defect of this program, {type(defect).__name__} at {place}; there is no result; ")
    sys.stderr.write("set CDS_TRACEBACK=1 to see more (it may show text of the record), and report it\n")
    return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    import argparse

    from cds import __version__

    class Parser(argparse.ArgumentParser):
        """Says what is wrong in one line, and where the help is."""

        def error(self, message: str) -> NoReturn:
            from cds.explanation.layout import printable

            self.exit(UNUSABLE, f"{self.prog}: {printable(message)}; see `{self.prog} --help`\n")

        def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
            # The library takes a list of any length as ended where the first option stands.
            named, rest = super().parse_known_args(args, namespace)
            words = [word for word in rest if not word.startswith("-")]
            if words and hasattr(named, "ids"):
                named.ids += words
                rest = [word for word in rest if word.startswith("-") and word != "--"]
            return named, rest

    parser = Parser(
        prog="cds",
        description="Options for a recurrent head and neck cancer, with every reason: never a directive.",
        epilog="example: cds evaluate patient.json --as-of 2026-11-22",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cds {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, run: str, says: str, example: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=says,
            description=f"{says[:1].upper()}{says[1:]}.",
            epilog=f"example: {example}",
            allow_abbrev=False,
        )
        added.set_defaults(run=f"cds.commands.{run}")
        return added

    evaluate = command("evaluate", "evaluate:run", "print the recommendation for a bundle",
                       "cds evaluate patient.json --as-of 2026-11-22 --format text")  # fmt: skip
    _bundles(evaluate)
    _case(evaluate)
    _phase(evaluate)
    _text(evaluate, "text", "json", "md")
    evaluate.add_argument("--unfold", action="store_true", help="write out every criterion, fact and reference")

    facts = command("facts", "facts:run", "print the facts that a bundle holds, each with its element of the record",
                    "cds facts patient.json --as-of 2026-11-22")  # fmt: skip
    _bundles(facts)
    _case(facts)
    _text(facts, "text", "json", "md")
    facts.add_argument("--unfold", action="store_true", help="write out the facts that were never recorded, too")

    explain = command("explain", "explain:run", "print every criterion with its condition, truth, facts and thresholds",
                      "cds explain patient.json --as-of 2026-11-22 --rule SS-2 --tree")  # fmt: skip
    _bundles(explain)
    _case(explain)
    _phase(explain)
    _text(explain)
    explain.add_argument("--rule", metavar="ID", help="this criterion only")
    explain.add_argument(
        "--tree", action="store_true", help="print how each truth follows from the facts, step by step"
    )
    explain.add_argument("--changes", action="store_true", help="print instead what each answer rests on, and the "
                         "fewest changes of modifiable facts that lead to another")  # fmt: skip
    explain.add_argument("--exact", action="store_true", help="with --changes: by the solver also what takes more "
                         "changes at once than are searched, or that nothing does")  # fmt: skip

    check = command("check", "check:run", "check a rule set: form, names, types, units, references, worked cases",
                    "cds check rules/recurrent-head-and-neck --as-of 2026-11-22")  # fmt: skip
    _rule_folder(check)
    check.add_argument("--as-of", metavar="DATE", type=_day, help="the day on which reviews are due (default: today)")
    check.add_argument("--without", metavar="CITE", help="print instead what would lose its only source: a reference")
    check.add_argument("--format", choices=["text", "json", "sarif"], default="text",
                       help="text, json, sarif (2.1.0, for code scanning) (default: text)")  # fmt: skip
    check.add_argument("--fix", action="store_true", help="first give the rule files their canonical form (cds format)")

    form = command("format", "format:run", "give rule files their canonical form, which says the same",
                   "cds format --check rules/recurrent-head-and-neck")  # fmt: skip
    form.add_argument("paths", metavar="PATH", nargs="+", help="rule files (YAML), or the folders of rule sets")
    form.add_argument("--check", action="store_true", help="write nothing; print what is not in canonical form")

    test = command("test", "test:run", "run the worked cases of a rule set and print what came out otherwise",
                   "cds test rules/recurrent-head-and-neck")  # fmt: skip
    _rule_folder(test)

    _analysis(command)

    serve = command("serve", "serve:run", "serve evaluation over HTTP, and a page for people",
                    "cds serve --host 127.0.0.1 --port 8000")  # fmt: skip
    serve.add_argument("--host", help="the address to listen on (default: 127.0.0.1, this machine only)")
    serve.add_argument("--port", type=_port, help="the port to listen on; 0 takes a free one (default: 8000)")
    serve.add_argument("--database", metavar="URL", help="the records: sqlite:///PATH or postgresql://…")
    serve.add_argument("--workers", type=_workers, help="processes that answer (default: 1)")
    serve.add_argument("--show-settings", action="store_true", help="print the settings in force, secrets masked")
    serve.add_argument("--examples", metavar="FOLDER", help="the folder of example patients (default: fhir_examples)")
    _rules(serve)

    conformance = command("conformance", "conformance:run", "put published cases to a service, print a scorecard",
                          "cds conformance http://127.0.0.1:8000")  # fmt: skip
    conformance.add_argument("url", metavar="URL", nargs="?", help="the address of the service, without a path")
    conformance.add_argument("--write", metavar="FOLDER", help="ask nobody; write the cases as files")
    conformance.add_argument("--token-file", metavar="FILE", help="a file with the bearer token to send")
    conformance.add_argument("--format", choices=["text", "json"], default="text", help="text, json (default: text)")
    _rules(conformance)

    _records(command)

    bundle = command("case-to-bundle", "bundles:run", "print the smallest FHIR bundle that reads as a case",
                     "cds case-to-bundle rules/recurrent-head-and-neck/cases/no-safe-path.yaml")  # fmt: skip
    bundle.add_argument("case", metavar="CASE", help="a worked case (YAML), or - for standard input")
    _rules(bundle)

    export = command("export", "export:run", "print a description of this system, or of its rules",
                     "cds export rulebook --out rulebook")  # fmt: skip
    export.add_argument(
        "what", choices=["schema", "governance", "rulebook", "fhir", "cql", "rules-schema"],
        help="schema: the JSON schema of what `cds evaluate` prints; governance: who answers for the rules, and which "
        "data of a patient they use; rulebook: every rule and threshold as a page of Markdown; "
        "fhir: the rules as a PlanDefinition, with all that belongs to it, in a Bundle; "
        "cql: the rules as a library of CQL; rules-schema: the JSON schemas of rule files, claims and worked cases, "
        "for editors",
    )  # fmt: skip
    export.add_argument("--out", metavar="PATH", help="rulebook: the folder to write the pages into; cql: the file; "
                        "rules-schema: the folder")
    export.add_argument("--case", metavar="CASE", help="cql: print a worked case (YAML) as the library's parameters")
    export.add_argument("--as-of", metavar="DATE", type=_day, help="cql: thresholds of this day (default: the newest)")
    export.add_argument("--format", choices=["text", "json", "md"], default="text",
                        help="governance: text, json, md (default: text)")  # fmt: skip
    _rules(export)
    return parser


def _analysis(command: Callable[[str, str, str, str], argparse.ArgumentParser]) -> None:
    verify = command("verify", "verify:run", "prove what must hold for every patient, or print a patient against it",
                     "cds verify rules/recurrent-head-and-neck --as-of 2026-11-22")  # fmt: skip
    _rule_folder(verify)
    _day_of_values(verify, "the day whose thresholds hold, and on which waivers are due")
    _text(verify, "text", "json")
    _seconds(verify)

    compare = command("compare", "compare:run", "print who is treated differently by another version of a rule set",
                      "cds compare HEAD rules/recurrent-head-and-neck --as-of 2026-11-22 --format md")  # fmt: skip
    compare.add_argument("old", metavar="OLD", help="the folder of a rule set, a revision of git, or REVISION:FOLDER")
    compare.add_argument("new", metavar="NEW", help="the other version, named in the same way")
    compare.add_argument("--overlay", metavar="FILE", help="an institution's own thresholds (YAML), on NEW")
    compare.add_argument("--records", metavar="URL", help="a database of decision records to compare over, too")
    _day_of_values(compare)
    _phase(compare)
    _text(compare, "text", "md", "json")
    _seconds(compare)

    mutate = command("mutate", "mutate:run", "change every rule a little; print what no worked case notices",
                     "cds mutate rules/recurrent-head-and-neck --as-of 2026-11-22")  # fmt: skip
    cover = command("cover", "cover:run", "print the parts of conditions that no pair of worked cases shows to matter",
                    "cds cover rules/recurrent-head-and-neck --as-of 2026-11-22")  # fmt: skip
    for each in (mutate, cover):
        _rule_folder(each)
        _day_of_values(each)
        each.add_argument("--rule", metavar="ID", help="this criterion only")
        _text(each, "text", "json")
        _seconds(each)
    regions = command("regions", "regions:run", "print the grounds that can stand together against an option",
                      "cds regions cryoablation --slice patient.inr lesion.maxDiameter --out slice.svg")  # fmt: skip
    regions.add_argument("option", metavar="OPTION", help="an option of the rule set")
    regions.add_argument("--most", metavar="N", type=_regions, default=40, help="regions to enumerate (default: 40)")
    regions.add_argument("--slice", metavar="FACT", nargs=2, help="draw what becomes of it as two facts vary (SVG)")
    regions.add_argument("--base", metavar="CASE", help="slice: the patient otherwise, a worked case (YAML)")
    regions.add_argument("--out", metavar="FILE", help="slice: the file to write (default: standard output)")
    _text(regions, "text", "json")
    _day_of_values(regions)
    _rules(regions)
    _seconds(regions)
    mutate.add_argument("--workers", type=_workers, default=2, help="processes that run the cases (default: 2)")


def _day_of_values(parser: argparse.ArgumentParser, says: str = "the day whose thresholds hold") -> None:
    parser.add_argument("--as-of", metavar="DATE", type=_day, help=f"{says} (default: today)")


def _seconds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=_some_seconds, default=20, metavar="N",
                        help="what the solver may take for one question (default: 20)")  # fmt: skip


def _records(command: Callable[[str, str, str, str], argparse.ArgumentParser]) -> None:
    records = command("records", "records:run", "verify, replay and list the decision records of a service",
                      "cds records verify --database sqlite:///records.sqlite3")  # fmt: skip
    records.add_argument(
        "what", choices=["verify", "list", "show", "replay", "override-rates", "expire"],
        help="verify: whether anything was changed; list, show: what is recorded; replay: evaluate again and print "
        "what changed; override-rates: how often each rule is set aside; expire: erase what is old enough",
    )  # fmt: skip
    records.add_argument("ids", metavar="ID", nargs="*", help="records by their ids (show, replay; default: all)")
    records.add_argument("--database", metavar="URL", help="the database (default: CDS_DATABASE, else the service's)")
    records.add_argument("--head", metavar="NUMBER:DIGEST", help="verify: the head that was noted elsewhere")
    records.add_argument("--kind", help="list: decisions, cards, feedback, … only")
    records.add_argument("--patient", metavar="REFERENCE", help="list: this patient only (Patient/p)")
    records.add_argument("--days", type=_days, help="expire: how old a record is (default: CDS_RETENTION_DAYS)")
    records.add_argument("--format", choices=["text", "json"], default="text", help="text, json (default: text)")
    _rules(records)


def _bundles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundles", metavar="BUNDLE", nargs="+", help="a FHIR R4 bundle (JSON), or - for standard input")


def _case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as-of", metavar="DATE", type=_day, help="the day of the answer, YYYY-MM-DD (default: today)")
    parser.add_argument("--lesion", metavar="ID", help="this target lesion only")
    _rules(parser)


def _phase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phase", metavar="PHASE", default="decision",
                        help="decision (default), planning or follow-up")  # fmt: skip


def _rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rules", metavar="FOLDER", help="another rule set than the one that ships with this package")
    parser.add_argument("--overlay", metavar="FILE", help="an institution's own thresholds (YAML)")


def _rule_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rules", metavar="RULES", nargs="?", help="the folder of a rule set (default: the one shipped)")
    parser.add_argument("--overlay", metavar="FILE", help="an institution's own thresholds (YAML)")


def _text(parser: argparse.ArgumentParser, *formats: str) -> None:
    if formats:
        parser.add_argument("--format", choices=formats, default="text", help=f"{', '.join(formats)} (default: text)")
    parser.add_argument("--width", type=_width, help="columns of text (default: the terminal's, at most 100; else 80)")


def _day(text: str) -> object:
    import argparse

    from cds.commands.streams import day

    try:
        return day(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _number(text: str, low: int, high: int, what: str) -> int:
    import argparse

    if text.isascii() and text.isdigit() and low <= int(text[:6]) <= high:
        return int(text)
    raise argparse.ArgumentTypeError(f"`{text}` is no {what}; give a number from {low} to {high}")


def _port(text: str) -> int:
    return _number(text, 0, 65535, "port")


def _workers(text: str) -> int:
    return _number(text, 1, 64, "number of workers")


def _days(text: str) -> int:
    return _number(text, 1, 36500, "number of days")


def _regions(text: str) -> int:
    return _number(text, 1, 36500, "number of regions")


def _some_seconds(text: str) -> int:
    return _number(text, 1, 3600, "number of seconds")


def _width(text: str) -> int:
    return _number(text, 40, 400, "width")


if __name__ == "__main__":
    raise SystemExit(main())
