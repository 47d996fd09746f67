// The types of CQL's System model (CQL 1.5, appendix B, "types"): the few that the translator's own operators name.
// The package leaves its model information out, and no test fetches it.
const SIMPLE = ['Boolean', 'Integer', 'Long', 'Decimal', 'String', 'Date', 'DateTime', 'Time'];
const CLASSES = {
  Quantity: { value: 'Decimal', unit: 'String' },
  Ratio: { numerator: 'Quantity', denominator: 'Quantity' },
  Code: { code: 'String', system: 'String', version: 'String', display: 'String' },
  Concept: { codes: ['Code'], display: 'String' },
  Vocabulary: { id: 'String', version: 'String', name: 'String' },
  CodeSystem: {},
  ValueSet: { codesystems: ['CodeSystem'] },
};
const BASES = { CodeSystem: 'Vocabulary', ValueSet: 'Vocabulary' };

const simple = (name) => `<typeInfo xsi:type="SimpleTypeInfo" name="System.${name}" baseType="System.Any"/>`;
const element = ([name, type]) =>
  Array.isArray(type)
    ? `<element name="${name}"><elementTypeSpecifier xsi:type="ListTypeSpecifier" elementType="System.${type[0]}"/></element>`
    : `<element name="${name}" elementType="System.${type}"/>`;
const structured = ([name, elements]) =>
  `<typeInfo xsi:type="ClassInfo" name="System.${name}" baseType="System.${BASES[name] ?? 'Any'}">` +
  `${Object.entries(elements).map(element).join('')}</typeInfo>`;

export const SYSTEM_MODEL =
  '<modelInfo xmlns="urn:hl7-org:elm-modelinfo:r1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' +
  'name="System" version="1.0.0" url="urn:hl7-org:elm-types:r1">' +
  '<typeInfo xsi:type="SimpleTypeInfo" name="System.Any"/>' +
  `${SIMPLE.map(simple).join('')}${Object.entries(CLASSES).map(structured).join('')}</modelInfo>`;
