// Translates libraries of CQL and evaluates them. Reads lines of JSON on standard input: {"library": "…"}, or a case for
// the library before it: {"subjects": …, "contexts": [{"level", "parameters"}], "defines": {"<level>": ["…"]}}. Prints a
// line for each: what the translator says, {"errors": […], "warnings": […]}, or, for each context of a case, the truth of
// each define of its level, `t`, `f` or `u`. A library that has errors evaluates nothing. Nothing is fetched.
import { createInterface } from 'node:readline';
import {
  CqlTranslator,
  LibraryManager,
  ModelManager,
  createModelInfoProvider,
  createUcumService,
  stringAsSource,
} from '@cqframework/cql/cql-to-elm';
import * as ucum from '@lhncbc/ucum-lhc';
import cql from 'cql-execution';
import { SYSTEM_MODEL } from './system_model.mjs';

console.log = console.error; // the reader of units talks
const print = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const units = (ucum.UcumLhcUtils ?? ucum.default.UcumLhcUtils).getInstance();
const refuse = () => {
  throw new Error('the export holds no arithmetic');
};

function translate(text) {
  const models = new ModelManager();
  models.modelInfoLoader.registerModelInfoProvider(
    createModelInfoProvider((id) => (id === 'System' ? stringAsSource(SYSTEM_MODEL) : null)),
  );
  const ucumService = createUcumService(
    refuse,
    (unit) => (units.validateUnitString(unit).status === 'valid' ? null : `'${unit}' is no UCUM unit`),
    refuse,
    refuse,
  );
  const libraries = new LibraryManager(models, undefined, undefined, ucumService);
  return CqlTranslator.fromText(text, libraries);
}

const messages = (list) => list.asJsReadonlyArrayView().map((each) => each.message);

function tuple(members) {
  const values = Object.entries(members).map(([name, value]) => [
    name,
    value?.unit === undefined ? value : new cql.Quantity(value.value, value.unit),
  ]);
  return Object.fromEntries(values);
}

const LETTER = new Map([[true, 't'], [false, 'f'], [null, 'u'], [undefined, 'u']]);

async function evaluate(library, { subjects, contexts, defines }) {
  const tuples = Object.fromEntries(Object.entries(subjects).map(([id, members]) => [id, tuple(members)]));
  const truths = [];
  for (const { level, parameters } of contexts) {
    const given = Object.entries(parameters).map(([name, of]) => [
      name,
      Array.isArray(of) ? of.map((id) => tuples[id]) : tuples[of],
    ]);
    const context = new cql.PatientContext(library, null, null, Object.fromEntries(given));
    let letters = '';
    for (const name of defines[level]) {
      const letter = LETTER.get(await library.expressions[name].execute(context));
      if (letter === undefined) throw new Error(`${name} is no truth value`);
      letters += letter;
    }
    truths.push(letters);
  }
  return truths;
}

let library;
for await (const line of createInterface({ input: process.stdin })) {
  const given = JSON.parse(line);
  if (given.library !== undefined) {
    const translated = translate(given.library);
    const errors = messages(translated.errors);
    print({ errors, warnings: messages(translated.warnings) });
    // By its localId the engine would keep the result of every node.
    const elm = () => JSON.parse(translated.toJson(), (key, value) => (key === 'localId' ? undefined : value));
    library = errors.length > 0 ? undefined : new cql.Library(elm());
  } else {
    print(await evaluate(library, given));
  }
}
