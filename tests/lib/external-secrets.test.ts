import { expect } from 'chai';
import { templateFields, templateSample } from '../../lib/external-secrets.ts';

describe('a template', () => {
  for (const [text, fields, sample] of [
    ['plain', [], 'plain'],
    ['{{ .user }}:{{.password}}', ['user', 'password'], 'x:x'],
    ['{{ .password | urlquery }}@db:6543', ['password'], 'x@db:6543'],
    ['{{- printf "%s.%s" .a .b -}}', ['a', 'b'], 'x'],
    // A field of what a function makes is none of the values.
    ['{{ (.json | fromJson).user }}', ['json'], 'x'],
    ['{{ index . "with-hyphen" }}', [], 'x'],
  ] as const) {
    it(`${text} reads ${fields.join(', ') || 'nothing'}`, () => {
      expect(templateFields(text)).to.deep.equal(fields);
      expect(templateSample(text)).to.equal(sample);
    });
  }
});
