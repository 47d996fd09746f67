// Reads a JSON array of HTML pages on standard input; prints, for each, what html-validate says of it:
// [["12:3 element-permitted-content: …"], …]. Nothing is fetched.
import { readFileSync } from 'node:fs';
import { HtmlValidate, StaticConfigLoader } from 'html-validate';

const validator = new HtmlValidate(
  new StaticConfigLoader({
    root: true,
    extends: ['html-validate:standard', 'html-validate:a11y', 'html-validate:document'],
    rules: {
      // Matters of taste: how void elements and the doctype are written.
      'doctype-style': 'off',
      'void-style': 'off',
      // What we load is our own.
      'require-sri': ['error', { target: 'crossorigin' }],
      // A long page is one line a row of a table; nobody reads its white space.
      'no-trailing-whitespace': 'off',
    },
  }),
);

const told = (message) => `${message.line}:${message.column} ${message.ruleId}: ${message.message}`;
const problems = (html) => validator.validateStringSync(html).results.flatMap((each) => each.messages.map(told));
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(problems)));
